from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer_modules.text import batching
from trainer_modules.text.batching import Texts


def texts(count: int = 230, longest: int = 90) -> Texts:
    lengths = np.random.default_rng(1).integers(0, longest + 1, count)
    ids = np.concatenate([np.full(length, row + 4, np.int32) for row, length in enumerate(lengths)])
    return Texts(ids, np.concatenate([[0], np.cumsum(lengths)]), np.arange(count, dtype=np.int64))


def seen(batches: tf.data.Dataset, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(batches.take(count).as_numpy_iterator())


def test_padding_and_cutting() -> None:
    ragged = tf.ragged.constant([[5, 6, 7], [], [8]], dtype=tf.int32)
    assert batching.padded(ragged).numpy().tolist() == [[5, 6, 7], [0, 0, 0], [8, 0, 0]]
    assert batching.padded(batching.truncated(ragged, 2)).numpy().tolist() == [[5, 6], [0, 0], [8, 0]]
    last = batching.truncated(ragged, 2, "last")
    assert batching.padded(last).numpy().tolist() == [[6, 7], [0, 0], [8, 0]]
    assert batching.padded(tf.ragged.constant([[], []], dtype=tf.int32)).numpy().tolist() == [[0], [0]]


def test_an_epoch_has_every_text_at_most_once_and_a_batch_similar_lengths() -> None:
    split = texts()
    found = seen(split.training_batches(16, seed=7), 14)
    rows = np.concatenate([labels for _, labels in found])
    assert len(rows) == len(set(rows)) == 224
    for ids, labels in found:
        lengths = split.lengths[labels]
        assert ids.shape == (16, max(lengths))
        assert ((ids != 0).sum(axis=1) == lengths).all()
        assert all(set(row[row != 0]) <= {label + 4} for row, label in zip(ids, labels, strict=True))
    spread = [np.ptp(split.lengths[labels]) for _, labels in found]
    assert np.mean(spread) < 12
    means = np.array([split.lengths[labels].mean() for _, labels in found])
    assert not (np.diff(means) >= 0).all()


def test_epochs_differ_and_seeds_repeat() -> None:
    split = texts()

    def order(seed: int, skip: int, count: int = 14) -> list[list[int]]:
        return [labels.tolist() for _, labels in seen(split.training_batches(16, seed, skip), count)]

    assert order(7, 0) == order(7, 0)
    assert order(7, 0) != order(8, 0)
    assert order(7, 14) != order(7, 0)
    assert order(7, 0, 40)[17:] == order(7, 17, 23)
    assert order(7, 28, 5) == order(7, 0, 33)[28:]


def test_fewer_texts_than_a_batch() -> None:
    found = seen(texts(count=5).training_batches(16, seed=7), 2)
    assert [sorted(labels) for _, labels in found] == [[0, 1, 2, 3, 4]] * 2


def test_validation_sees_every_text_once() -> None:
    split = texts()
    found = list(split.batches(50).as_numpy_iterator())
    assert sorted(np.concatenate([labels for _, labels in found])) == list(range(230))
    assert [len(labels) for _, labels in found] == [50, 50, 50, 50, 30]
    assert found[0][0].shape[1] < 25
