from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules import architectures
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.images.grad_cam import heat_maps, splitter
from trainer_modules.images.transfer import Backbone


def corners() -> keras.Model:
    """Two classes: light in the left half, and light in the right half."""
    image = keras.Input([8, 8, 1], name="image")
    x = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="conv")(image)
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D()(x))
    model = keras.Model(image, keras.layers.Dense(2, use_bias=False, name="logits")(x))
    kernel = np.zeros([4, 4, 2], np.float32)
    kernel[:, :2, 0], kernel[:, 2:, 1] = 1, 1
    kernel[:, :2, 1], kernel[:, 2:, 0] = -0.5, -0.5
    model.get_layer("logits").set_weights([kernel.reshape(16, 2)])
    return model


def maps(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    split = splitter(model)
    heat, scores = tf.function(lambda pixels: heat_maps(pixels, split))(tf.constant(images))
    return heat.numpy(), scores.numpy()


def test_the_map_shows_what_speaks_for_the_predicted_class() -> None:
    images = np.zeros([2, 8, 8, 1], np.float32)
    images[0, 2:6, 1:3] = 1
    images[1, 2:6, 5:7] = 1
    heat, scores = maps(corners(), images)
    assert scores.argmax(axis=1).tolist() == [0, 1]
    assert heat.shape == (2, 8, 8)
    assert heat.max(axis=(1, 2)).tolist() == [1, 1]
    np.testing.assert_allclose(heat, images[..., 0], atol=1e-6)


def test_a_black_image_has_an_empty_map() -> None:
    heat, _ = maps(corners(), np.zeros([1, 8, 8, 1], np.float32))
    np.testing.assert_array_equal(heat, np.zeros([1, 8, 8]))


def test_it_is_computed_as_in_the_paper() -> None:
    config = ArchitectureConfig(architecture="simple_cnn", width=0.5)
    model = architectures.build(config, (28, 28, 1), 4)
    images = np.random.RandomState(0).rand(3, 28, 28, 1).astype(np.float32)
    features = keras.Model(model.input, [model.get_layer("conv2").output, model.output])
    with tf.GradientTape() as tape:
        maps_of_layer, scores = features(images)
        chosen = tf.reduce_max(scores, axis=1)
    gradient = tape.gradient(chosen, maps_of_layer).numpy()
    importance = gradient.mean(axis=(1, 2))
    expected = np.maximum(np.einsum("bhwd,bd->bhw", maps_of_layer, importance), 0)
    highest = expected.max(axis=(1, 2), keepdims=True)
    assert (highest > 0).all(), "these weights have no map to compare"
    expected /= highest
    found, _ = maps(model, images)
    np.testing.assert_allclose(found, tf.image.resize(expected[..., None], (28, 28))[..., 0], atol=1e-4)


@pytest.mark.parametrize("scores", [1, 3])
def test_through_a_backbone_that_is_frozen(scores: int) -> None:
    inner = architectures.build(ArchitectureConfig(architecture="mobilenet_v1", width=0.1), (32, 32, 3), 5)
    backbone = Backbone(keras.Model(inner.input, inner.get_layer("logits").input))
    backbone.trainable = False
    image = keras.Input([32, 32, 3], name="image")
    model = keras.Model(image, keras.layers.Dense(scores, name="logits")(backbone(image)))
    images = np.random.RandomState(0).rand(4, 32, 32, 3).astype(np.float32)
    heat, found = maps(model, images)
    np.testing.assert_allclose(found, model(images), rtol=1e-4, atol=1e-5)
    assert heat.shape == (4, 32, 32)
    assert 0 <= heat.min() <= heat.max() <= 1


def test_a_model_without_a_feature_map_is_told() -> None:
    model = architectures.build(ArchitectureConfig(architecture="softmax"), (8, 8, 1), 3)
    with pytest.raises(BadInput, match="grad_cam: the model shows no feature map"):
        splitter(model)
