"""GoogLeNet, the first Inception net."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.architectures.layers import LocalResponseNormalization


class Maps(NamedTuple):
    """Channels of a module: 1 x 1; 3 x 3 and 5 x 5 with their reductions; projection of the pool."""

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int


# Table 1 of the paper: modules 3a, 3b; 4a to 4e; 5a, 5b.
STAGES = (
    (Maps(64, 96, 128, 16, 32, 32), Maps(128, 128, 192, 32, 96, 64)),
    (
        Maps(192, 96, 208, 16, 48, 64),
        Maps(160, 112, 224, 24, 64, 64),
        Maps(128, 128, 256, 24, 64, 64),
        Maps(112, 144, 288, 32, 64, 64),
        Maps(256, 160, 320, 32, 128, 128),
    ),
    (Maps(256, 160, 320, 32, 128, 128), Maps(384, 192, 384, 48, 128, 128)),
)


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Nine modules of parallel convolutions and a pool: [B, H, W, C] to logits [B, classes].

    Source: C. Szegedy et al., "Going deeper with convolutions" (2014), dropout 0.4, without the two auxiliary
    classifiers, which serve training only. `plain`: biases and local response normalisation, 6,998,552
    parameters. `batch_norm`: batch norm after each convolution (S. Ioffe, C. Szegedy, "Batch normalization",
    2015) in place of both, which trains without the auxiliary classifiers. What differs: images under 64
    pixels get a 3 x 3 stem of step 1 and skip the first pool; with `depth` over 1 a stage repeats its last
    module.
    """
    blocks.require_size("inception", image_shape, 8)
    net = _Net(config)
    image = keras.Input(image_shape, name="image")
    if blocks.is_small(image_shape):
        x = net.conv(image, 64, 3, "stem1")
    else:
        x = net.conv(image, 64, 7, "stem1", strides=2)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    x = net.response_norm(x, "norm1")
    x = net.conv(x, 64, 1, "stem2")
    x = net.conv(x, 192, 3, "stem3")
    x = net.response_norm(x, "norm2")
    for number, stage in enumerate(STAGES, 3):
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name=f"pool{number - 1}")(x)
        for layer in range(blocks.repeats(len(stage), config.depth)):
            x = net.module(x, stage[min(layer, len(stage) - 1)], f"module{number}_{layer + 1}")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, 0.4 if config.dropout is None else config.dropout)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)


class _Net:
    """The convolutions of one variant and width."""

    def __init__(self, config: ArchitectureConfig) -> None:
        self.plain, self.width = config.form == "plain", config.width

    def conv(self, x: Any, filters: int, kernel: int, name: str, strides: int = 1) -> Any:
        filters = blocks.channels(filters, self.width)
        if not self.plain:
            return blocks.conv_norm(x, filters, kernel, name, strides=strides)
        return keras.layers.Conv2D(
            filters, kernel, strides=strides, padding="same", activation="relu", name=f"{name}_conv"
        )(x)

    def response_norm(self, x: Any, name: str) -> Any:
        return LocalResponseNormalization(name=name)(x) if self.plain else x

    def module(self, x: Any, maps: Maps, name: str) -> Any:
        """Four branches, the dear ones behind 1 x 1 reductions: [B, H, W, C] to [B, H, W, sum of maps]."""
        three = self.conv(x, maps.reduce_three, 1, f"{name}_3x3_reduce")
        five = self.conv(x, maps.reduce_five, 1, f"{name}_5x5_reduce")
        pool = keras.layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
        branches = [
            self.conv(x, maps.one, 1, f"{name}_1x1"),
            self.conv(three, maps.three, 3, f"{name}_3x3"),
            self.conv(five, maps.five, 5, f"{name}_5x5"),
            self.conv(pool, maps.pool, 1, f"{name}_pool_project"),
        ]
        return keras.layers.Concatenate(name=name)(branches)
