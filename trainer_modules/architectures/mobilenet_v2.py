"""MobileNet, version 2."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


class Stage(NamedTuple):
    """A row of the paper's table 2: expansion, channels, layers, step of the first layer."""

    expansion: int
    filters: int
    layers: int
    strides: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Seventeen inverted residuals with linear bottlenecks: [B, H, W, C] to logits [B, classes].

    Source: M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks" (2018), 3.4 million
    parameters by the paper: 3,504,872 and 34,112 moving statistics. `width` counts in multiples of 8 and
    leaves the last 1280 channels when it is under 1, as there. What differs: images under 64 pixels get a
    stem of step 1; dropout 0.2 before the last layer, as in the authors' code.
    """
    blocks.require_size("mobilenet_v2", image_shape, 16)
    image = keras.Input(image_shape, name="image")
    x = blocks.conv_norm(
        image,
        blocks.channels(32, config.width, 8),
        3,
        "stem",
        strides=1 if blocks.is_small(image_shape) else 2,
        activation="relu6",
        initializer=blocks.fan_out(),
    )
    for number, stage in enumerate(STAGES, 1):
        filters = blocks.channels(stage.filters, config.width, 8)
        for layer in range(1, blocks.repeats(stage.layers, config.depth) + 1):
            strides = stage.strides if layer == 1 else 1
            x = inverted_residual(x, filters, stage.expansion, strides, f"stage{number}_block{layer}")
    head = blocks.channels(1280, max(1.0, config.width), 8)
    x = blocks.conv_norm(x, head, 1, "head", activation="relu6", initializer=blocks.fan_out())
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, 0.2 if config.dropout is None else config.dropout)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)


def inverted_residual(x: Any, filters: int, expansion: int, strides: int, name: str) -> Any:
    """Expansion, depthwise convolution, linear bottleneck, and a shortcut where the shape stays.

    [B, H, W, C] to [B, H/s, W/s, filters].
    """
    y = x
    if expansion > 1:
        y = blocks.conv_norm(
            y,
            expansion * x.shape[-1],
            1,
            f"{name}_expand",
            activation="relu6",
            initializer=blocks.fan_out(),
        )
    y = blocks.depthwise_norm(y, 3, f"{name}_depthwise", strides=strides)
    y = blocks.conv_norm(y, filters, 1, f"{name}_project", activation=None, initializer=blocks.fan_out())
    same_shape = strides == 1 and x.shape[-1] == filters
    return keras.layers.Add(name=f"{name}_add")([x, y]) if same_shape else y
