from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.architectures.layers import LocalResponseNormalization


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(3).normal(scale=30, size=(2, 4, 5, 9)).astype("float32")


@pytest.mark.parametrize("radius", [1, 2, 20])
def test_local_response_normalization_is_the_papers(maps, radius):
    expected = tf.nn.local_response_normalization(maps, depth_radius=radius, bias=2.0, alpha=1e-4, beta=0.75)
    np.testing.assert_allclose(LocalResponseNormalization(radius)(maps), expected, rtol=1e-5)


def test_the_first_channel_sees_itself_and_the_two_after_it():
    values = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    found = LocalResponseNormalization(bias=1.0, alpha=1.0, beta=1.0)(values)
    np.testing.assert_allclose(
        np.ravel(found), [1 / (1 + 14), 2 / (1 + 30), 3 / (1 + 30), 4 / (1 + 29)], rtol=1e-6
    )


def test_half_precision_does_not_overflow(maps):
    layer = LocalResponseNormalization(dtype="mixed_float16")
    found = layer((maps * 20).astype("float16"))
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, LocalResponseNormalization()(maps * 20), rtol=5e-3, atol=1e-2)


def test_local_response_normalization_is_saved_with_its_constants():
    layer = LocalResponseNormalization(radius=3, bias=1.5, alpha=0.1, beta=0.5, name="norm")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is LocalResponseNormalization
    assert (again.name, again.radius, again.bias, again.alpha, again.beta) == ("norm", 3, 1.5, 0.1, 0.5)
