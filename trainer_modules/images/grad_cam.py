"""Grad-CAM: where in an image the model found the class that it predicts."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.images.transfer import Backbone

Split = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
_NO_FEATURES = (
    keras.layers.InputLayer,
    keras.layers.Rescaling,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)


def heat_maps(images: tf.Tensor, split: Split) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a heat map for each image, float32 [B, H, W] in 0..1, and the scores [B, K] that it explains.

    Called within a tf.function. A map is all zeros where nothing speaks for the predicted class. Source: R. Selvaraju et
    al., "Grad-CAM: visual explanations from deep networks via gradient-based localization" (2017), equations 1 and 2.
    """
    features, scores = split(images)
    # One logit speaks for the positive class when it is above 0, else against it.
    chosen = tf.abs(scores[:, 0]) if scores.shape[-1] == 1 else tf.reduce_max(scores, axis=1)
    [gradient] = tf.gradients(chosen, features)
    weights = tf.reduce_mean(gradient, axis=[1, 2], keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * features, axis=3))
    heat = tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=[1, 2], keepdims=True))
    size = images.shape[1:3]
    return tf.image.resize(heat[..., None], size)[..., 0], scores


def splitter(model: keras.Model) -> Split:
    """Return what computes the last feature map [B, h, w, D] before any pooling, and the scores, of images.

    Raises BadInput when the model has no feature map.
    """
    backbone = next((layer for layer in model.layers if isinstance(layer, Backbone)), None)
    network = model if backbone is None else backbone.network
    name = _last_map(network) if isinstance(network, keras.Model) else None
    if name is None:
        raise BadInput("trainer.model.grad_cam: the model shows no feature map; set it to false")
    both = keras.Model(network.input, [network.get_layer(name).output, network.output])
    if backbone is None:
        return lambda images: tuple(both(images, training=False))

    def through_backbone(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, features = images, None
        for layer in model.layers[1:]:
            if layer is backbone:
                features, x = both(x, training=False)
            else:
                x = layer(x)
        return features, x

    return through_backbone


def _last_map(model: keras.Model) -> str | None:
    for layer in reversed(model.layers):
        if isinstance(layer, _NO_FEATURES):
            continue
        shape = layer.output.shape
        if len(shape) == 4 and (shape[1] or 2) * (shape[2] or 2) > 1:
            return layer.name
    return None
