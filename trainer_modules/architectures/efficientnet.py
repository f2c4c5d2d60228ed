"""EfficientNet-B0 to B7 and EfficientNet-Lite0."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig


class Stage(NamedTuple):
    """A row of the paper's table 1: expansion, kernel, channels, layers, step of the first layer."""

    expansion: int
    kernel: int
    filters: int
    layers: int
    strides: int


class Scale(NamedTuple):
    """Compound scaling; the image size that belongs to it is ArchitectureConfig.image_size."""

    width: float
    depth: float
    dropout: float


STAGES = (
    Stage(1, 3, 16, 1, 1),
    Stage(6, 3, 24, 2, 2),
    Stage(6, 5, 40, 2, 2),
    Stage(6, 3, 80, 3, 2),
    Stage(6, 5, 112, 3, 1),
    Stage(6, 5, 192, 4, 2),
    Stage(6, 3, 320, 1, 1),
)
SCALES = {
    "b0": Scale(1.0, 1.0, 0.2),
    "b1": Scale(1.0, 1.1, 0.2),
    "b2": Scale(1.1, 1.2, 0.3),
    "b3": Scale(1.2, 1.4, 0.3),
    "b4": Scale(1.4, 1.8, 0.4),
    "b5": Scale(1.6, 2.2, 0.4),
    "b6": Scale(1.8, 2.6, 0.5),
    "b7": Scale(2.0, 3.1, 0.5),
    "lite0": Scale(1.0, 1.0, 0.2),
}
# Share of the last block's examples that take its shortcut alone while training; it falls linearly to the
# first.
DROPPED_BLOCKS = 0.2


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Inverted residuals with squeeze-and-excitation, scaled in depth, width and resolution together.

    [B, H, W, C] to logits [B, classes]. Source: M. Tan, Q. Le, "EfficientNet: rethinking model scaling for
    convolutional neural networks" (2019): swish, stochastic depth, 5,288,548 parameters (B0) to 66,347,960
    (B7). `width` and `depth` multiply the variant's own. `lite0` is the authors' EfficientNet-Lite0: ReLU6,
    no squeeze-and-excitation, a stem and a head that are never scaled, pixels rescaled to (255 x - 127) / 128
    inside the model, 4,652,008 parameters; its weighted layers come in the order of the published weights.
    What differs: images under 64 pixels get a stem of step 1.
    """
    blocks.require_size("efficientnet", image_shape, 16)
    scale, lite = SCALES[config.form], config.form == "lite0"
    width, depth = scale.width * config.width, scale.depth * config.depth
    activation = "relu6" if lite else "silu"
    image = x = keras.Input(image_shape, name="image")
    if lite:
        x = keras.layers.Rescaling(255 / 128, -127 / 128, name="rescale")(x)
    x = blocks.conv_norm(
        x,
        blocks.channels(32, 1.0 if lite else width, 8),
        3,
        "stem",
        strides=1 if blocks.is_small(image_shape) else 2,
        activation=activation,
        initializer=blocks.fan_out(),
    )
    layers = [
        stage.layers if lite and stage in (STAGES[0], STAGES[-1]) else blocks.repeats(stage.layers, depth)
        for stage in STAGES
    ]
    done = 0
    for number, stage in enumerate(STAGES, 1):
        filters = blocks.channels(stage.filters, width, 8)
        for layer in range(1, layers[number - 1] + 1):
            this = stage._replace(filters=filters, strides=stage.strides if layer == 1 else 1)
            x = mbconv(
                x,
                this,
                activation,
                not lite,
                DROPPED_BLOCKS * done / sum(layers),
                f"stage{number}_block{layer}",
            )
            done += 1
    head = blocks.channels(1280, 1.0 if lite else width, 8)
    x = blocks.conv_norm(x, head, 1, "head", activation=activation, initializer=blocks.fan_out())
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = blocks.dropout(x, scale.dropout if config.dropout is None else config.dropout)
    initial = keras.initializers.VarianceScaling(1 / 3, mode="fan_out", distribution="uniform")
    return keras.Model(image, blocks.logits(x, classes, initial), name=config.architecture)


def mbconv(x: Any, stage: Stage, activation: str, squeeze: bool, dropped: float, name: str) -> Any:
    """One inverted residual block: [B, H, W, C] to [B, H/s, W/s, stage.filters].

    `dropped` is the share of examples that take the shortcut alone while training (G. Huang et al., "Deep
    networks with stochastic depth", 2016).
    """
    y = x
    if stage.expansion > 1:
        y = blocks.conv_norm(
            y,
            stage.expansion * x.shape[-1],
            1,
            f"{name}_expand",
            activation=activation,
            initializer=blocks.fan_out(),
        )
    y = blocks.depthwise_norm(
        y, stage.kernel, f"{name}_depthwise", strides=stage.strides, activation=activation
    )
    if squeeze:
        y = squeeze_excitation(y, max(1, x.shape[-1] // 4), activation, name)
    y = blocks.conv_norm(
        y, stage.filters, 1, f"{name}_project", activation=None, initializer=blocks.fan_out()
    )
    if stage.strides > 1 or x.shape[-1] != stage.filters:
        return y
    if dropped:
        y = keras.layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])


def squeeze_excitation(x: Any, squeezed: int, activation: str, name: str) -> Any:
    """Weigh the channels by what the whole image shows: [B, H, W, C] to the same.

    Source: J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks" (2017).
    """

    def dense(weights: Any, filters: int, act: str, part: str) -> Any:
        return keras.layers.Conv2D(
            filters, 1, activation=act, kernel_initializer=blocks.fan_out(), name=f"{name}_{part}"
        )(weights)

    weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze_pool")(x)
    weights = dense(weights, squeezed, activation, "squeeze")
    weights = dense(weights, x.shape[-1], "sigmoid", "excite")
    return keras.layers.Multiply(name=f"{name}_weigh")([x, weights])
