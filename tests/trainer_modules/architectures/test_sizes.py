"""Image sizes, multipliers and dropout: what a configuration changes in the layers."""

from __future__ import annotations

import keras
import pytest

from common.errors import BadInput
from tests.trainer_modules.architectures import dry
from trainer_modules.architectures import blocks, build
from trainer_modules.architectures.config import NO_REPEATED_LAYERS, ArchitectureConfig

LEAST = [
    ("simple_cnn", "fashion_mnist", 10),
    ("simple_cnn", "cifar10", 18),
    ("lenet5", None, 28),
    ("alexnet", None, 15),
    ("vgg16", None, 16),
    ("resnet", None, 8),
    ("inception", None, 8),
    ("mobilenet_v1", None, 16),
    ("mobilenet_v2", None, 16),
    ("efficientnet", None, 16),
    ("cspnet", None, 8),
]


def tiny(architecture: str, variant: str | None = None, **values: float) -> ArchitectureConfig:
    depth = 1.0 if architecture in NO_REPEATED_LAYERS else 0.1
    return ArchitectureConfig(
        architecture=architecture, variant=variant, **{"width": 0.1, "depth": depth, **values}
    )


def last_map(model: keras.Model) -> tuple[int, int]:
    return [layer.output.shape[1:3] for layer in model.layers if len(layer.output.shape) == 4][-1]


@pytest.mark.parametrize(("architecture", "variant", "least"), LEAST)
def test_images_that_are_too_small_are_refused(architecture, variant, least):
    config = tiny(architecture, variant)
    with dry.no_weights():
        assert min(last_map(build(config, (least, least + 5, 1), 3))) >= 1
        with pytest.raises(BadInput) as caught:
            build(config, (least + 5, least - 1, 1), 3)
    assert (
        f"needs images of at least {least} x {least} pixels, these have {least + 5} x {least - 1}: "
        in str(caught.value)
    )


@pytest.mark.parametrize(
    ("architecture", "large", "small"),
    [
        ("alexnet", (6, 6), (2, 2)),
        ("vgg16", (7, 7), (1, 1)),
        ("resnet", (7, 7), (4, 4)),
        ("inception", (7, 7), (4, 4)),
        ("mobilenet_v1", (7, 7), (2, 2)),
        ("mobilenet_v2", (7, 7), (2, 2)),
        ("efficientnet", (7, 7), (2, 2)),
        ("cspnet", (7, 7), (3, 3)),
    ],
)
def test_small_images_keep_a_map_of_their_own_stem(architecture, large, small):
    with dry.no_weights():
        assert last_map(build(tiny(architecture), (224, 224, 3), 3)) == large
        assert last_map(build(tiny(architecture), (28, 28, 1), 3)) == small


def test_lenet_keeps_its_size_on_larger_images():
    config = ArchitectureConfig(architecture="lenet5")
    assert dry.count(lambda: build(config, (96, 64, 1), 10)) == (61_706, 0)


@pytest.mark.parametrize(
    ("architecture", "variant", "prefix", "layers"),
    [
        ("mlp", None, "hidden", {1: 1, 3: 3}),
        ("vgg16", None, "stage3_", {0.3: 1, 1: 3, 2: 6}),
        ("resnet", "50", "stage3_block", {0.1: 1, 1: 6}),
        ("inception", None, "module4_", {0.2: 1, 1: 5, 1.2: 6}),
        ("mobilenet_v1", None, "stage4_block", {0.1: 1, 1.1: 7}),
        ("mobilenet_v2", None, "stage4_block", {0.1: 1, 1.2: 5}),
        ("efficientnet", "b0", "stage6_block", {0.1: 1, 1: 4}),
        ("efficientnet", "b7", "stage6_block", {0.1: 2, 0.5: 7}),
        ("efficientnet", "lite0", "stage7_block", {2: 1}),
        ("cspnet", None, "stage2_layer", {0.1: 2, 0.3: 4}),
    ],
)
def test_depth_multiplies_the_layers_of_a_stage_and_rounds_up(architecture, variant, prefix, layers):
    for depth, expected in layers.items():
        with dry.no_weights():
            model = build(tiny(architecture, variant, depth=depth), (64, 64, 3), 3)
        names = {
            layer.name[len(prefix) :].split("_")[0] for layer in model.layers if layer.name.startswith(prefix)
        }
        assert len(names) == expected


@pytest.mark.parametrize(
    ("base", "width", "multiple", "expected"),
    [
        (64, 1, 1, 64),
        (64, 0.1, 1, 6),
        (3, 0.1, 1, 1),
        (96, 0.1, 2, 10),
        (32, 1.1, 8, 32),
        (24, 1.4, 8, 32),
        (112, 1.1, 8, 120),
        (12, 1, 8, 16),
        (10, 1, 8, 16),
    ],
)
def test_channels_are_rounded_but_never_lose_a_tenth(base, width, multiple, expected):
    assert blocks.channels(base, width, multiple) == expected


@pytest.mark.parametrize(
    ("architecture", "rates"),
    [
        ("mlp", []),
        ("simple_cnn", []),
        ("lenet5", []),
        ("alexnet", [0.5, 0.5]),
        ("vgg16", [0.5, 0.5]),
        ("resnet", []),
        ("inception", [0.4]),
        ("mobilenet_v1", []),
        ("mobilenet_v2", [0.2]),
        ("cspnet", []),
    ],
)
def test_dropout_is_the_papers_unless_it_is_given(architecture, rates):
    def found(**values: float) -> list[float]:
        config = tiny(architecture, **values)
        with dry.no_weights():
            layers = build(config, (32, 32, 3), 3).layers
        return [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]

    assert found() == rates
    assert found(dropout=0.0) == []
    assert found(dropout=0.3) == [0.3] * max(1, len(rates))


def test_efficientnet_drops_more_examples_the_deeper_the_block():
    with dry.no_weights():
        layers = build(tiny("efficientnet", "b0", depth=1, dropout=0.7), (32, 32, 3), 3).layers
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    # Residual blocks are numbers 2, 4, 6, 7, 9, 10, 12, 13 and 14 of 16, counted from 0.
    assert rates == [*(pytest.approx(0.2 * number / 16) for number in (2, 4, 6, 7, 9, 10, 12, 13, 14)), 0.7]


def test_logits_stay_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        with dry.no_weights():
            model = build(tiny("resnet"), (32, 32, 3), 3)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def test_the_weights_of_lite0_come_in_the_order_of_the_published_ones():
    with dry.no_weights():
        config = ArchitectureConfig(architecture="efficientnet", variant="lite0")
        layers = [layer for layer in build(config, (224, 224, 3), 1000).layers if layer.weights]
    convolutions, norms, (logits,) = layers[:-1:2], layers[1::2], layers[-1:]
    assert len(convolutions) == len(norms) == 49
    assert [layer.name.removesuffix("_conv") for layer in convolutions] == [
        layer.name.removesuffix("_norm") for layer in norms
    ]
    assert [tuple(layer.weights[0].shape) for layer in convolutions[:6]] == [
        (3, 3, 3, 32),  # stem
        (3, 3, 32, 1),  # first block: depthwise, project
        (1, 1, 32, 16),
        (1, 1, 16, 96),  # second block: expand, depthwise, project
        (3, 3, 96, 1),
        (1, 1, 96, 24),
    ]
    assert tuple(convolutions[-1].weights[0].shape) == (1, 1, 320, 1280)
    assert tuple(logits.weights[0].shape) == (1280, 1000)
