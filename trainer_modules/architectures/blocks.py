"""What the architectures share: sizes, convolution with batch norm, and the classifier at the end."""

from __future__ import annotations

import math
from typing import Any

import keras

from common.errors import BadInput

Tensor = Any

# Images with a side under this many pixels (28 x 28, CIFAR-10's 32 x 32) do not get the strided stem.
SMALL = 64


def is_small(image_shape: tuple[int, int, int]) -> bool:
    """Whether a stem made for 224 x 224 pixels would leave nothing of the images."""
    return min(image_shape[:2]) < SMALL


def require_size(name: str, image_shape: tuple[int, int, int], least: int) -> None:
    """Raise BadInput when a side of the images has less than `least` pixels."""
    height, width, _ = image_shape
    if min(height, width) < least:
        raise BadInput(
            f"{name} needs images of at least {least} x {least} pixels, these have {height} x {width}: "
            "resize them or choose another architecture"
        )


def channels(base: int, width: float, multiple: int = 1) -> int:
    """Scale a number of channels to the nearest multiple, at most a tenth below what was asked for.

    Source: the authors' code of MobileNetV2 and EfficientNet, with multiples of 8.
    """
    asked = base * width
    found = max(multiple, int(asked + multiple / 2) // multiple * multiple)
    return found + multiple if found < 0.9 * asked else found


def repeats(base: int, depth: float) -> int:
    """Scale a number of layers, rounded up. Source: section 5 of the EfficientNet paper."""
    return math.ceil(round(base * depth, 6))


def conv_norm(
    x: Tensor,
    filters: int,
    kernel: int,
    name: str,
    *,
    strides: int = 1,
    activation: str | None = "relu",
    initializer: Any = "he_normal",
    epsilon: float = 1e-3,
) -> Tensor:
    """Convolution without bias, batch norm, activation if any: [B, H, W, C] to [B, H/s, W/s, filters]."""
    x = keras.layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer,
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, activation, epsilon)


def depthwise_norm(
    x: Tensor, kernel: int, name: str, *, strides: int = 1, activation: str = "relu6"
) -> Tensor:
    """Convolution of each channel by itself, batch norm, activation: [B, H, W, C] to [B, H/s, W/s, C]."""
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=fan_out(),
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, activation, 1e-3)


def _norm(x: Tensor, name: str, activation: str | None, epsilon: float) -> Tensor:
    x = keras.layers.BatchNormalization(epsilon=epsilon, name=f"{name}_norm")(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def fan_out() -> keras.initializers.Initializer:
    """He's initialiser over the outputs: a depthwise kernel has 9 of them, not 9 C inputs as Keras counts."""
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


def dropout(x: Tensor, rate: float, name: str = "dropout") -> Tensor:
    """Dropout, or nothing at a rate of 0."""
    return keras.layers.Dropout(rate, name=name)(x) if rate else x


def logits(x: Tensor, classes: int, initializer: Any = "glorot_uniform") -> Tensor:
    """The last layer: [B, D] to float32 [B, classes], under mixed precision as well."""
    return keras.layers.Dense(classes, kernel_initializer=initializer, dtype="float32", name="logits")(x)
