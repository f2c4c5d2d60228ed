"""Which examples of many are kept: always the same ones, in bounded memory."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator import sample
from components.evaluator.sample import Sample, hash_of


def example(number: int, picture: int = 0) -> bytes:
    made = tf.train.Example()
    made.features.feature["number"].int64_list.value.append(number)
    if picture:
        made.features.feature["picture"].bytes_list.value.append(bytes(picture))
    return bytes(made.SerializeToString())


def kept(found: Sample) -> list[tuple[int, bool, bytes]]:
    return [(row.answers["number"], row.whole, row.example) for _, row in found.rows()]


def filled(numbers: np.ndarray, most: int, parts: int, picture: int = 0) -> Sample:
    """Numbers as examples that workers offer in parts."""
    found = [Sample(most) for _ in range(parts)]
    for one, share in zip(found, np.array_split(numbers, parts), strict=True):
        one.add([example(number, picture) for number in share], {"number": share.tolist()})
    # Workers hand them on as bytes.
    return Sample(most).merge(pickle.loads(pickle.dumps(found)))


@pytest.mark.parametrize("picture", [0, 2000])
def test_the_same_examples_in_any_order_and_by_any_workers(
    picture: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MOST_BYTES", 30_000)
    monkeypatch.setattr(sample, "_LONGEST_FEATURE", 1000)
    numbers = np.arange(500)
    by_hash = sorted(numbers.tolist(), key=lambda number: hash_of(example(number, picture)))
    random = np.random.default_rng(0)
    found = [filled(numbers, 40, 1, picture), filled(numbers[::-1], 40, 3, picture)]
    found += [filled(random.permutation(numbers), 40, parts, picture) for parts in (2, 7, 50)]
    assert [number for number, _, _ in kept(found[0])] == by_hash[:40]
    assert all(kept(one) == kept(found[0]) for one in found)
    assert all(one.examples == 500 for one in found)
    whole = [is_whole for _, is_whole, _ in kept(found[0])]
    # 30,000 bytes hold 14 examples of a little more than 2,000.
    assert whole == [True] * (14 if picture else 40) + [False] * (26 if picture else 0)


def test_a_large_example_loses_its_picture_only() -> None:
    found = Sample(2)
    found.add([example(1, 70_000), example(2, 60_000)], {"number": [1, 2]})
    rows = {number: (whole, len(serialized)) for number, whole, serialized in kept(found)}
    assert rows[1] == (False, len(example(1)))
    assert rows[2] == (True, len(example(2, 60_000)))


def test_equal_examples_are_all_kept() -> None:
    found = Sample(3)
    found.add([example(1)] * 5, {"number": [1] * 5})
    assert [number for number, _, _ in kept(found)] == [1, 1, 1]
    assert found.examples == 5
