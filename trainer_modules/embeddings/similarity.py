"""Words whose vectors point the same way, in the graph."""

from __future__ import annotations

import tensorflow as tf


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Return the vectors [N, D] with length 1; a vector of zeros stays as it is."""
    return tf.math.divide_no_nan(vectors, tf.norm(vectors, axis=1, keepdims=True))


def nearest(
    vectors: tf.Tensor, asked: tf.Tensor, left_out: tf.Tensor, count: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the words whose vectors have the greatest cosine with those asked, best first.

    Args:
      vectors: float32 [V, D], all of length 1 (or 0).
      asked: float32 [B, D], of any length.
      left_out: int32 [B, K], words that are no answer.
      count: scalar, how many.

    Returns:
      words int32 [B, count] and their cosines float32 [B, count]; `count` is at most V - K.
    """
    size, rows = tf.shape(vectors)[0], tf.shape(asked)[0]
    cosines = tf.matmul(unit(asked), vectors, transpose_b=True)
    place = tf.stack([tf.repeat(tf.range(rows), tf.shape(left_out)[1]), tf.reshape(left_out, [-1])], axis=1)
    out = tf.tensor_scatter_nd_update(cosines, place, tf.fill([tf.shape(place)[0]], cosines.dtype.min))
    found, words = tf.math.top_k(out, tf.minimum(count, size - tf.shape(left_out)[1]))
    return words, found


def analogy(vectors: tf.Tensor, a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the word that is to c as b is to a, int32 [B], and its cosine; it is none of the three.

    Its vector is nearest to b - a + c, all of length 1. Source: T. Mikolov, W. Yih, G. Zweig, "Linguistic regularities in
    continuous space word representations" (2013).
    """
    asked = tf.gather(vectors, b) - tf.gather(vectors, a) + tf.gather(vectors, c)
    words, cosines = nearest(vectors, asked, tf.stack([a, b, c], axis=1), tf.constant(1))
    return words[:, 0], cosines[:, 0]
