"""AlexNet."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.architectures.layers import LocalResponseNormalization


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Five convolutions and two dense layers: [B, H, W, C] to logits [B, classes].

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012, with local response normalisation: pixels from -127.5 to 127.5, for which its
    constants are made; initial weights N(0, 0.01), biases of 1 where the paper has them, dropout 0.5.
    `two_towers` connects convolutions 2, 4 and 5 to one half of the maps each, as the two GPUs did:
    60,965,224 parameters, the paper's 60 million; `one_tower` connects all: 62,378,344. What differs: images
    are padded (224 and 227 both end in 6 x 6 maps); `width` keeps the spread of the sums, N(0, 0.01 /
    sqrt(width)); images under 64 pixels get the 5 x 5 stem of step 1 that the same author used on CIFAR-10.
    """
    blocks.require_size("alexnet", image_shape, 15)
    initial = keras.initializers.RandomNormal(stddev=0.01 / config.width**0.5)

    def maps(filters: int) -> int:
        return blocks.channels(filters, config.width, 2)

    def conv(x: Any, filters: int, kernel: int, name: str, bias: str = "zeros", strides: int = 1) -> Any:
        return keras.layers.Conv2D(
            filters,
            kernel,
            strides=strides,
            padding="same",
            activation="relu",
            kernel_initializer=initial.clone(),
            bias_initializer=bias,
            name=name,
        )(x)

    def halves(x: Any, filters: int, kernel: int, name: str) -> Any:
        if config.form == "one_tower":
            return conv(x, filters, kernel, name, "ones")
        parts = zip("ab", keras.ops.split(x, 2, axis=-1), strict=True)
        towers = [conv(part, filters // 2, kernel, f"{name}{tower}", "ones") for tower, part in parts]
        return keras.layers.Concatenate(name=name)(towers)

    def pool(x: Any, name: str) -> Any:
        return keras.layers.MaxPooling2D(3, 2, name=name)(x)

    image = keras.Input(image_shape, name="image")
    kernel, strides = (5, 1) if blocks.is_small(image_shape) else (11, 4)
    x = keras.layers.Rescaling(255, -127.5, name="rescale")(image)
    x = conv(x, maps(96), kernel, "conv1", strides=strides)
    x = pool(LocalResponseNormalization(name="norm1")(x), "pool1")
    x = halves(x, maps(256), 5, "conv2")
    x = pool(LocalResponseNormalization(name="norm2")(x), "pool2")
    x = conv(x, maps(384), 3, "conv3")
    x = halves(x, maps(384), 3, "conv4")
    x = pool(halves(x, maps(256), 3, "conv5"), "pool5")
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(
            maps(4096),
            activation="relu",
            kernel_initializer=initial.clone(),
            bias_initializer="ones",
            name=name,
        )(x)
        x = blocks.dropout(x, 0.5 if config.dropout is None else config.dropout, f"{name}_dropout")
    return keras.Model(image, blocks.logits(x, classes, initial.clone()), name=config.architecture)
