from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer_modules.translation.examples import Pairs, before, source_ids, target_ids

SHORT = tf.ragged.constant([[5, 6], [], [7, 8, 9, 5]], dtype=tf.int32)


def pairs(count: int) -> Pairs:
    lengths = np.random.default_rng(1).integers(1, 9, count)
    rows = [[4 + number] * length for number, length in enumerate(lengths)]
    return Pairs(tf.ragged.constant(rows, dtype=tf.int32), tf.ragged.constant(rows, dtype=tf.int32), 20, 20)


def test_a_source_always_ends() -> None:
    np.testing.assert_array_equal(source_ids(SHORT, 10), [[5, 6, 3, 0, 0], [3, 0, 0, 0, 0], [7, 8, 9, 5, 3]])
    np.testing.assert_array_equal(source_ids(SHORT, 3), [[5, 6, 3], [3, 0, 0], [7, 8, 3]])


def test_a_target_that_is_cut_does_not_claim_to_end() -> None:
    np.testing.assert_array_equal(target_ids(SHORT, 3), [[5, 6, 3], [3, 0, 0], [7, 8, 9]])
    np.testing.assert_array_equal(before(target_ids(SHORT, 3)), [[2, 5, 6], [2, 3, 0], [2, 7, 8]])


def test_batches_hold_each_pair_once_and_weigh_no_padding() -> None:
    split = pairs(70)
    seen = []
    for inputs, following, weights in split.batches(32):
        np.testing.assert_array_equal(inputs["source"], following)
        np.testing.assert_array_equal(inputs["target"], before(following))
        np.testing.assert_array_equal(weights, (following.numpy() != 0).astype(np.float32))
        seen += following.numpy()[:, 0].tolist()
    assert sorted(seen) == list(range(4, 74))


def test_a_resumed_training_sees_the_batches_that_it_would_have_seen() -> None:
    split = pairs(70)
    whole = [following.numpy() for _, following, _ in split.training_batches(16, 3).take(9)]
    later = [following.numpy() for _, following, _ in split.training_batches(16, 3, skip_steps=6).take(3)]
    for expected, found in zip(whole[6:], later, strict=True):
        np.testing.assert_array_equal(found, expected)
    other = next(iter(split.training_batches(16, 4)))[1].numpy()
    assert other.shape != whole[0].shape or (other != whole[0]).any()
