"""What of an image classifier can be differentiated: its pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from trainer_modules.common.explained import Explained, Tensors
from trainer_modules.images.decoding import Form, decode_batch, scaled
from trainer_modules.images.examples import IMAGE

_FEATURE = IMAGE.removesuffix("_xf")


def explained_images(model: keras.Model, form: Form, outputs: Callable[[tf.Tensor], Tensors]) -> Explained:
    """Values are pixels, float32 [B, H, W, C], 0 black to 1 white."""

    def inputs(features: Tensors) -> dict[str, Any]:
        return {"values": {_FEATURE: scaled(decode_batch(features[IMAGE], form))}, "given": {}}

    def answers(values: Tensors, given: Tensors) -> Tensors:
        return outputs(model(values[_FEATURE], training=False))

    return Explained({IMAGE: tf.TensorSpec([None], tf.string, name=IMAGE)}, inputs, answers)
