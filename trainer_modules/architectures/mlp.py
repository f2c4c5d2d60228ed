"""A multilayer perceptron."""

from __future__ import annotations

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Hidden layers of 128 rectified units on the pixels: [B, H, W, C] to logits [B, classes].

    One hidden layer, as in TensorFlow's tutorial on Fashion-MNIST; `depth` gives more of them, `dropout`
    (default 0) follows each. Source: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by
    back-propagating errors", Nature 323 (1986); rectifiers and not sigmoids are what differs.
    """
    image = keras.Input(image_shape, name="image")
    x = keras.layers.Flatten(name="flatten")(image)
    units = blocks.channels(128, config.width)
    for number in range(1, blocks.repeats(1, config.depth) + 1):
        x = keras.layers.Dense(units, activation="relu", name=f"hidden{number}")(x)
        x = blocks.dropout(x, config.dropout or 0.0, f"dropout{number}")
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)
