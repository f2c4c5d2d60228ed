"""ResNet-18 to ResNet-152."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig

LAYERS = {
    "18": (2, 2, 2, 2),
    "34": (3, 4, 6, 3),
    "50": (3, 4, 6, 3),
    "101": (3, 4, 23, 3),
    "152": (3, 8, 36, 3),
}
EPSILON = 1e-5


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Four stages of residual blocks: [B, H, W, C] to logits [B, classes].

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2015): basic
    blocks for 18 and 34 layers, bottlenecks for 50, 101 and 152; identity shortcuts, projections where the
    shape changes (option B); He's initialiser. What differs: a bottleneck's step of 2 is in its 3 x 3
    convolution, as most training code has it (same parameters, more accurate); images under 64 pixels get the
    paper's CIFAR-10 stem: 3 x 3, step 1, no pool; `dropout` (default 0, as there) comes before the last
    layer.
    """
    blocks.require_size("resnet", image_shape, 8)
    block = basic if config.form in ("18", "34") else bottleneck
    image = keras.Input(image_shape, name="image")
    filters = blocks.channels(64, config.width)
    if blocks.is_small(image_shape):
        x = blocks.conv_norm(image, filters, 3, "stem", epsilon=EPSILON)
    else:
        x = blocks.conv_norm(image, filters, 7, "stem", strides=2, epsilon=EPSILON)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, layers in enumerate(LAYERS[config.form], 1):
        for layer in range(1, blocks.repeats(layers, config.depth) + 1):
            strides = 2 if stage > 1 and layer == 1 else 1
            x = block(x, blocks.channels(32 * 2**stage, config.width), strides, f"stage{stage}_block{layer}")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, config.dropout or 0.0)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)


def basic(x: Any, filters: int, strides: int, name: str) -> Any:
    """Two 3 x 3 convolutions and the shortcut: [B, H, W, C] to [B, H/s, W/s, filters]."""
    y = blocks.conv_norm(x, filters, 3, f"{name}_1", strides=strides, epsilon=EPSILON)
    y = blocks.conv_norm(y, filters, 3, f"{name}_2", activation=None, epsilon=EPSILON)
    return _add(x, y, strides, name)


def bottleneck(x: Any, filters: int, strides: int, name: str) -> Any:
    """1 x 1, 3 x 3, 1 x 1 convolutions and the shortcut: [B, H, W, C] to [B, H/s, W/s, 4 filters]."""
    y = blocks.conv_norm(x, filters, 1, f"{name}_1", epsilon=EPSILON)
    y = blocks.conv_norm(y, filters, 3, f"{name}_2", strides=strides, epsilon=EPSILON)
    y = blocks.conv_norm(y, 4 * filters, 1, f"{name}_3", activation=None, epsilon=EPSILON)
    return _add(x, y, strides, name)


def _add(x: Any, y: Any, strides: int, name: str) -> Any:
    if strides > 1 or x.shape[-1] != y.shape[-1]:
        x = blocks.conv_norm(
            x, y.shape[-1], 1, f"{name}_project", strides=strides, activation=None, epsilon=EPSILON
        )
    return keras.layers.Activation("relu", name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, y]))
