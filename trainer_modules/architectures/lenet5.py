"""LeNet-5."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Two convolutions with average pools, a third one, and 84 units: [B, H, W, C] to logits [B, classes].

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86 (1998), with its tanh. What differs, as is usual: C3 sees all maps of S2 (+900
    parameters), the pools have no weights (-44), a dense layer stands in place of the fixed RBF codes (+850):
    61,706 for the paper's 60,000. Images under 32 pixels are padded by 2 as the paper pads MNIST; over larger
    ones C5 stays a convolution, whose positions are averaged.
    """
    blocks.require_size("lenet5", image_shape, 28)

    def conv(x: Any, filters: int, name: str, padding: str = "valid") -> Any:
        filters = blocks.channels(filters, config.width)
        return keras.layers.Conv2D(filters, 5, padding=padding, activation="tanh", name=name)(x)

    image = keras.Input(image_shape, name="image")
    x = conv(image, 6, "c1", "same" if min(image_shape[:2]) < 32 else "valid")
    x = keras.layers.AveragePooling2D(2, name="s2")(x)
    x = conv(x, 16, "c3")
    x = keras.layers.AveragePooling2D(2, name="s4")(x)
    x = conv(x, 120, "c5")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(blocks.channels(84, config.width), activation="tanh", name="f6")(x)
    x = blocks.dropout(x, config.dropout or 0.0)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)
