"""CSP-DenseNet: cross-stage partial dense blocks."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig

LAYERS = {"121": (6, 12, 24, 16), "169": (6, 12, 32, 32), "201": (6, 12, 48, 32)}
GROWTH = 32


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Four cross-stage partial dense blocks: [B, H, W, C] to logits [B, classes].

    Source: C.-Y. Wang et al., "CSPNet: a new backbone that can enhance learning capability of CNN", arXiv
    1911.11929, figure 3b, on the layers, growth (32), order and stage widths of G. Huang et al., "Densely
    connected convolutional networks" (2016). The paper measures DenseNet-201 with further changes, so gives
    no count for this form: it has a tenth fewer parameters and multiplications than the DenseNet of the same
    name. What differs: images under 64 pixels get a 3 x 3 stem of step 1 without a pool; `dropout` (default
    0) comes before the last layer.
    """
    blocks.require_size("cspnet", image_shape, 8)
    growth = blocks.channels(GROWTH, config.width)
    image = keras.Input(image_shape, name="image")
    if blocks.is_small(image_shape):
        x = blocks.conv_norm(image, 2 * growth, 3, "stem")
    else:
        x = blocks.conv_norm(image, 2 * growth, 7, "stem", strides=2)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    stages = [blocks.repeats(layers, config.depth) for layers in LAYERS[config.form]]
    for number, layers in enumerate(stages, 1):
        half = (x.shape[-1] + layers * growth) // 2
        if number < len(stages):
            x = conv(
                cross_stage(x, layers, growth, half // 2, f"stage{number}"), half, 1, f"transition{number}"
            )
            x = keras.layers.AveragePooling2D(2, name=f"transition{number}_pool")(x)
        else:
            x = cross_stage(x, layers, growth, half, f"stage{number}")
    x = norm_relu(x, "last")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, config.dropout or 0.0)
    return keras.Model(image, blocks.logits(x, classes), name=config.architecture)


def cross_stage(x: Any, layers: int, growth: int, filters: int, name: str) -> Any:
    """Half of the channels pass a dense block and a transition of their own, the other half goes straight on.

    [B, H, W, C] to [B, H, W, C / 2 + filters]: neither half sees the gradients of the other.
    """
    straight, dense = keras.ops.split(x, [x.shape[-1] // 2], axis=-1)
    for layer in range(1, layers + 1):
        new = conv(dense, 4 * growth, 1, f"{name}_layer{layer}_1")
        new = conv(new, growth, 3, f"{name}_layer{layer}_2")
        dense = keras.layers.Concatenate(name=f"{name}_layer{layer}")([dense, new])
    dense = conv(dense, filters, 1, f"{name}_transition")
    return keras.layers.Concatenate(name=name)([straight, dense])


def conv(x: Any, filters: int, kernel: int, name: str) -> Any:
    """Batch norm, rectifier, convolution, in DenseNet's order: [B, H, W, C] to [B, H, W, filters]."""
    return keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(norm_relu(x, name))


def norm_relu(x: Any, name: str) -> Any:
    """Batch norm and rectifier: [B, H, W, C] to the same."""
    x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)
