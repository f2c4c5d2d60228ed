"""Words drawn at random by Zipf's law, against which skip-gram tells real contexts."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def log_probabilities(size: int) -> np.ndarray:
    """Return log Q(w) [size] of words in the order of their frequency: (log(w + 2) - log(w + 1)) / log(size + 1)."""
    ranks = np.arange(size, dtype=np.float64)
    return np.log(np.log1p(1 / (ranks + 1)) / np.log(size + 1))


def draw(shape: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Return words int32 of the shape, drawn independently by Q; the same seed int [2] gives the same ones.

    It is the distribution of `tf.random.log_uniform_candidate_sampler`, whose own state a resumed training would lose.
    """
    # Of float32 the largest below 1 times log(size + 1) may still round up to size + 1.
    uniform = tf.random.stateless_uniform(shape, seed, dtype=tf.float64)
    words = tf.cast(tf.exp(uniform * np.log(size + 1.0)), tf.int32) - 1
    return tf.minimum(words, size - 1)
