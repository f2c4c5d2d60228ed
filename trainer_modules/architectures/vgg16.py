"""VGG-16."""

from __future__ import annotations

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Five stages of 3 x 3 convolutions and two dense layers: [B, H, W, C] to logits [B, classes].

    Source: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition"
    (2014), configuration D: 138,357,544 parameters, dropout 0.5. Weights start as Glorot's, which the paper's
    note found to spare the pre-training. What differs: pools round up, so that 28 x 28 pixels are enough;
    `batch_norm` normalises after each convolution, without which narrow or small-image forms hardly train
    from scratch.
    """
    blocks.require_size("vgg16", image_shape, 16)
    x = image = keras.Input(image_shape, name="image")
    for stage, (filters, layers) in enumerate(STAGES, 1):
        for layer in range(1, blocks.repeats(layers, config.depth) + 1):
            name, maps = f"stage{stage}_{layer}", blocks.channels(filters, config.width)
            if config.form == "batch_norm":
                x = blocks.conv_norm(x, maps, 3, name, initializer="glorot_uniform")
            else:
                x = keras.layers.Conv2D(maps, 3, padding="same", activation="relu", name=f"{name}_conv")(x)
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool{stage}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(blocks.channels(4096, config.width), activation="relu", name=name)(x)
        x = blocks.dropout(x, 0.5 if config.dropout is None else config.dropout, f"{name}_dropout")
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)
