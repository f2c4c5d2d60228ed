"""Softmax regression, the linear baseline."""

from __future__ import annotations

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Multinomial logistic regression on the pixels: [B, H, W, C] to logits [B, classes].

    Weights start at zero: the problem is convex. Source: D. Cox, "The regression analysis of binary
    sequences", J. R. Stat. Soc. B 20 (1958), in its form for many classes.
    """
    image = keras.Input(image_shape, name="image")
    x = keras.layers.Flatten(name="flatten")(image)
    return keras.Model(image, blocks.logits(x, classes, "zeros"), name=config.architecture)
