"""MobileNet, version 1."""

from __future__ import annotations

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig

# Channels and layers; every stage but the first begins with a step of 2.
STAGES = ((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2))


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Thirteen depthwise separable convolutions: [B, H, W, C] to logits [B, classes].

    Source: A. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
    applications" (2017), 4.2 million parameters: 4,231,976 and 21,888 moving statistics. `width` is the
    paper's alpha, in multiples of 8. What differs: ReLU6, as in the authors' code, because it keeps its range
    in 8 bits; images under 64 pixels get a stem of step 1; `dropout` (default 0) comes before the last layer.
    """
    blocks.require_size("mobilenet_v1", image_shape, 16)
    image = keras.Input(image_shape, name="image")
    strides = 1 if blocks.is_small(image_shape) else 2
    x = blocks.conv_norm(
        image,
        blocks.channels(32, config.width, 8),
        3,
        "stem",
        strides=strides,
        activation="relu6",
        initializer=blocks.fan_out(),
    )
    for stage, (base, layers) in enumerate(STAGES, 1):
        filters = blocks.channels(base, config.width, 8)
        for layer in range(1, blocks.repeats(layers, config.depth) + 1):
            name = f"stage{stage}_block{layer}"
            strides = 2 if stage > 1 and layer == 1 else 1
            x = blocks.depthwise_norm(x, 3, f"{name}_depthwise", strides=strides)
            x = blocks.conv_norm(
                x, filters, 1, f"{name}_pointwise", activation="relu6", initializer=blocks.fan_out()
            )
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, config.dropout or 0.0)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)
