from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.embeddings import noise, subsampling


def test_the_distribution_is_that_of_tensorflows_sampler() -> None:
    expected = np.log([2 / 1, 3 / 2, 4 / 3]) / np.log(4)
    np.testing.assert_allclose(np.exp(noise.log_probabilities(3)), expected)
    assert np.exp(noise.log_probabilities(5000)).sum() == pytest.approx(1)
    _, counts, _ = tf.random.log_uniform_candidate_sampler(
        tf.constant([[0, 1, 9]], tf.int64), 3, num_sampled=1, unique=False, range_max=10
    )
    np.testing.assert_allclose(np.exp(noise.log_probabilities(10))[[0, 1, 9]], counts.numpy()[0], rtol=1e-5)


def test_words_are_drawn_by_it() -> None:
    drawn = noise.draw((400, 500), 6, tf.constant([1, 2])).numpy()
    assert (drawn.min(), drawn.max()) == (0, 5)
    shares = np.bincount(drawn.ravel()) / drawn.size
    np.testing.assert_allclose(shares, np.exp(noise.log_probabilities(6)), atol=0.003)


def test_the_seed_decides() -> None:
    first, again, other = (
        noise.draw((50,), 1000, tf.constant(seed)).numpy() for seed in ([3, 4], [3, 4], [3, 5])
    )
    assert first.tolist() == again.tolist() != other.tolist()


def test_frequent_words_are_kept_less_often() -> None:
    counts = np.array([900, 90, 9, 1])
    found = subsampling.keep_probability(counts, 0.009)
    np.testing.assert_allclose(found, [0.1, np.sqrt(0.1), 1, 1])
    assert subsampling.keep_probability(counts, 0).tolist() == [1, 1, 1, 1]
