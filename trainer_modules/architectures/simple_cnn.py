"""Two small convolutional nets that tutorials begin with."""

from __future__ import annotations

from typing import NamedTuple

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


class Stack(NamedTuple):
    """Filters of each convolution, how many have pools, units of the dense layer, smallest image side."""

    filters: tuple[int, ...]
    pools: int
    units: int
    least: int


STACKS = {
    "fashion_mnist": Stack(filters=(64, 64), pools=2, units=128, least=10),
    "cifar10": Stack(filters=(32, 64, 64), pools=2, units=64, least=18),
}


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """3 x 3 convolutions, the first two with pools, and a dense layer: [B, H, W, C] to logits [B, classes].

    `fashion_mnist`: 64, 64 and 128 units, 243,786 parameters at 28 x 28 x 1 (TensorFlow's codelab on
    convolutions). `cifar10`: 32, 64, 64 and 64 units, 122,570 at 32 x 32 x 3 (TensorFlow's tutorial on
    convolutional nets). `dropout` (default 0, as there) comes before the last layer. Source:
    tensorflow.org/tutorials/images/cnn.
    """
    stack = STACKS[config.form]
    blocks.require_size(f"simple_cnn ({config.form})", image_shape, stack.least)
    x = image = keras.Input(image_shape, name="image")
    for number, filters in enumerate(stack.filters, 1):
        x = keras.layers.Conv2D(
            blocks.channels(filters, config.width), 3, activation="relu", name=f"conv{number}"
        )(x)
        if number <= stack.pools:
            x = keras.layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(blocks.channels(stack.units, config.width), activation="relu", name="hidden")(x)
    x = blocks.dropout(x, config.dropout or 0.0)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)
