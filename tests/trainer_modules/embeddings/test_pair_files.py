"""Pairs read back as batches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.word_pairs import buckets, writing
from trainer_modules.embeddings import network, pair_files

FILES = {"a.gz": 50, "b.gz": 35}


def write(folder: Path, weighted: bool) -> list[str]:
    """Pair i is (i, i + 100), of weight i."""
    start = 0
    for name, count in FILES.items():
        centres = np.arange(start, start + count)
        block = buckets.packed(centres, centres + 100, centres)
        with tf.io.TFRecordWriter(str(folder / name), tf.io.TFRecordOptions(compression_type="GZIP")) as file:
            for first in range(0, count, 20):
                file.write(writing.example(block[first : first + 20], weighted))
        start += count
    return [str(folder / "*.gz")]


def taken(dataset: tf.data.Dataset, steps: int) -> list[tuple[np.ndarray, ...]]:
    return [tuple(part) for part in dataset.take(steps).as_numpy_iterator()]


def test_every_pair_once_in_an_epoch_but_for_what_fills_no_batch(tmp_path: Path) -> None:
    split = pair_files.learnt(write(tmp_path, False), 200, 3)
    assert (split.count, split.counts) == (85, [50, 35])
    epoch = taken(split.training_batches(10, seed=1), 8)
    seen = Counter(np.concatenate([batch[0] for batch in epoch]).tolist())
    assert sorted(set(range(50)) - set(seen)) == []
    assert len(seen) == 80
    for centres, contexts, negatives in epoch:
        assert contexts.tolist() == (centres + 100).tolist()
        assert negatives.shape == (10, 3)
        assert len({int(centre) // 50 for centre in centres}) == 1


def test_a_resumed_training_sees_what_it_would_have_seen(tmp_path: Path) -> None:
    split = pair_files.learnt(write(tmp_path, False), 200, 3)
    whole = taken(split.training_batches(10, seed=1), 27)
    for skip in (5, 8, 19):
        rest = taken(split.training_batches(10, seed=1, skip_steps=skip), 27 - skip)
        for resumed, unbroken in zip(rest, whole[skip:], strict=True):
            for one, other in zip(resumed, unbroken, strict=True):
                np.testing.assert_array_equal(one, other)
    orders = [np.concatenate([batch[0] for batch in whole[start : start + 8]]).tolist() for start in (0, 8)]
    assert orders[0] != orders[1]
    assert taken(split.training_batches(10, seed=2), 1)[0][0].tolist() != whole[0][0].tolist()


def test_weights_stand_in_the_place_of_negatives(tmp_path: Path) -> None:
    split = pair_files.learnt(write(tmp_path, True), 200, 0)
    [(centres, contexts, weights)] = taken(split.training_batches(1000, seed=1), 1)
    assert len(centres) == 35
    assert contexts.tolist() == (centres + 100).tolist()
    assert weights.tolist() == centres.astype(np.float32).tolist()


@pytest.mark.parametrize("rows", [1000, 7])
def test_a_measured_split_comes_by_its_centres(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_SCORES", rows * 200)
    split = pair_files.measured(write(tmp_path, True), 200)
    assert split.count == 85
    found = {}
    for centres, places, contexts, counts in taken(split.batches(1), 100):
        assert len(centres) <= rows
        found |= dict(zip(zip(centres[places].tolist(), contexts.tolist(), strict=True), counts, strict=True))
    assert found == {(number, number + 100): number for number in range(85)}
