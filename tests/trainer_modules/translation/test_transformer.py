from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.trainer_modules.translation import tiny
from trainer_modules.translation.transformer import positions


def test_positions_are_sines_and_cosines() -> None:
    found = positions(0, 50, 8).numpy()
    assert found.shape == (50, 8)
    np.testing.assert_allclose(found[0], [0, 1, 0, 1, 0, 1, 0, 1])
    np.testing.assert_allclose(found[7, 2:4], [np.sin(7 / 10), np.cos(7 / 10)], rtol=1e-5)
    np.testing.assert_allclose(found[49, 6:], [np.sin(49 / 1000), np.cos(49 / 1000)], rtol=1e-5)
    np.testing.assert_allclose(positions(30, 3, 8), found[30:33], rtol=1e-6)


def test_a_token_does_not_see_those_after_it() -> None:
    model = tiny.translator("transformer")
    memory = model.encode(tf.constant([[4, 5, 3]]))
    first, _ = model.decode(memory, tf.constant([[2, 4, 5, 6]]))
    other, _ = model.decode(memory, tf.constant([[2, 4, 6, 4]]))
    np.testing.assert_allclose(first[:, :2], other[:, :2], rtol=1e-5)
    assert not np.allclose(first[:, 2], other[:, 2], rtol=1e-3)


def test_the_order_of_the_source_matters() -> None:
    model = tiny.translator("transformer")
    answers = [
        model({"source": tf.constant([source]), "target": tf.constant([[2, 4]])}).numpy()
        for source in ([4, 5, 3], [5, 4, 3])
    ]
    assert not np.allclose(*answers, rtol=1e-3)
