from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer_modules.embeddings import similarity

VECTORS = tf.constant([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])


def test_nearest_by_cosine_without_those_left_out() -> None:
    asked = tf.constant([[10.0, 0.0], [0.0, 0.5]])
    words, cosines = similarity.nearest(VECTORS, asked, tf.constant([[0], [2]]), tf.constant(3))
    assert words.numpy().tolist() == [[1, 2, 3], [3, 1, 0]]
    np.testing.assert_allclose(cosines, [[0.8, 0.6, 0], [1, 0.6, 0]], atol=1e-6)


def test_no_more_answers_than_words() -> None:
    words, _ = similarity.nearest(VECTORS, VECTORS[:1], tf.constant([[0]]), tf.constant(100))
    assert words.numpy().tolist() == [[1, 2, 3, 4]]


def test_an_analogy_excludes_its_three_words() -> None:
    # b - a + c = [0.8, 0.6]: word 1 itself is left out, and 2 is the next one.
    a, b, c = (tf.constant([number]) for number in (3, 1, 3))
    found, cosine = similarity.analogy(VECTORS, a, b, c)
    assert found.numpy().tolist() == [2]
    np.testing.assert_allclose(cosine, [0.96], atol=1e-6)


def test_unit_vectors() -> None:
    found = similarity.unit(tf.constant([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], atol=1e-7)
