"""Parameters at full size, against the papers and against what reference implementations count."""

from __future__ import annotations

import keras
import pytest

from tests.trainer_modules.architectures import dry
from trainer_modules.architectures import build
from trainer_modules.architectures.config import ArchitectureConfig

IMAGENET = ((224, 224, 3), 1000)

# Trainable parameters and moving statistics. References: LeNet-5's 61,706 is derived in lenet5.py; Caffe for
# AlexNet and GoogLeNet; Keras and torchvision, which agree, for VGG-16, the MobileNets and the EfficientNets;
# torchvision for the ResNets; the published weights for EfficientNet-Lite0.
COUNTS = [
    ("softmax", None, (28, 28, 1), 10, 7_850, 0),
    ("mlp", None, (28, 28, 1), 10, 101_770, 0),
    ("simple_cnn", "fashion_mnist", (28, 28, 1), 10, 243_786, 0),
    ("simple_cnn", "cifar10", (32, 32, 3), 10, 122_570, 0),
    ("lenet5", None, (32, 32, 1), 10, 61_706, 0),
    ("lenet5", None, (28, 28, 1), 10, 61_706, 0),
    ("alexnet", "two_towers", *IMAGENET, 60_965_224, 0),
    ("alexnet", "two_towers", (227, 227, 3), 1000, 60_965_224, 0),
    ("alexnet", "one_tower", *IMAGENET, 62_378_344, 0),
    ("vgg16", "plain", *IMAGENET, 138_357_544, 0),
    ("vgg16", "batch_norm", *IMAGENET, 138_365_992 - 4_224, 8_448),  # torchvision's has 4,224 biases as well
    ("resnet", "18", *IMAGENET, 11_689_512, 9_600),
    ("resnet", "34", *IMAGENET, 21_797_672, 17_024),
    ("resnet", "50", *IMAGENET, 25_557_032, 53_120),
    ("resnet", "101", *IMAGENET, 44_549_160, 105_344),
    ("resnet", "152", *IMAGENET, 60_192_808, 151_424),
    ("inception", "plain", *IMAGENET, 6_998_552, 0),
    ("inception", "batch_norm", *IMAGENET, 6_998_552 + 7_280, 2 * 7_280),  # two for each of 7,280 biases
    ("mobilenet_v1", None, *IMAGENET, 4_231_976, 21_888),
    ("mobilenet_v2", None, *IMAGENET, 3_504_872, 34_112),
    ("efficientnet", "b0", *IMAGENET, 5_288_548, 42_016),
    ("efficientnet", "b1", *IMAGENET, 7_794_184, 62_048),
    ("efficientnet", "b2", *IMAGENET, 9_109_994, 67_568),
    ("efficientnet", "b3", *IMAGENET, 12_233_232, 87_296),
    ("efficientnet", "b4", *IMAGENET, 19_341_616, 125_200),
    ("efficientnet", "b5", *IMAGENET, 30_389_784, 172_736),
    ("efficientnet", "b6", *IMAGENET, 43_040_704, 224_432),
    ("efficientnet", "b7", *IMAGENET, 66_347_960, 310_720),
    ("efficientnet", "lite0", *IMAGENET, 4_652_008, 42_016),
]
SLOW = {"b3", "b4", "b5", "b6", "b7", "101", "152"}

# What the papers say, in millions, and how far the counts are from it (they round, or leave out the biases).
PAPERS = [
    ("lenet5", None, 0.060, 0.03),
    ("alexnet", "two_towers", 60, 0.02),
    ("vgg16", "plain", 138, 0.01),
    ("mobilenet_v1", None, 4.2, 0.01),
    ("mobilenet_v2", None, 3.4, 0.035),
    ("efficientnet", "b0", 5.3, 0.01),
    ("efficientnet", "b1", 7.8, 0.01),
    ("efficientnet", "b2", 9.2, 0.011),
    ("efficientnet", "b3", 12, 0.02),
    ("efficientnet", "b4", 19, 0.02),
    ("efficientnet", "b5", 30, 0.015),
    ("efficientnet", "b6", 43, 0.01),
    ("efficientnet", "b7", 66, 0.01),
    ("efficientnet", "lite0", 4.7, 0.011),
]


def case(*values: object) -> object:
    return pytest.param(*values, marks=[pytest.mark.slow] if values[1] in SLOW else [])


@pytest.mark.parametrize(
    ("architecture", "variant", "shape", "classes", "trainable", "moving"), [case(*row) for row in COUNTS]
)
def test_parameters(architecture, variant, shape, classes, trainable, moving):
    config = ArchitectureConfig(architecture=architecture, variant=variant)
    assert dry.count(lambda: build(config, shape, classes)) == (trainable, moving)


@pytest.mark.parametrize(("architecture", "variant", "millions", "tolerance"), PAPERS)
def test_the_table_agrees_with_the_papers(architecture, variant, millions, tolerance):
    counts = {trainable for name, form, *_, trainable, _ in COUNTS if (name, form) == (architecture, variant)}
    assert [count / 1e6 for count in counts] == [pytest.approx(millions, rel=tolerance)]


def csp_densenet(layers: tuple[int, ...]) -> int:
    """Trainable parameters of the CSP-DenseNet for 224 x 224 x 3 and 1000 classes, by the formula of each
    layer."""

    def conv(channels: int, kernel: int, filters: int) -> int:
        return 2 * channels + kernel * kernel * channels * filters

    total, channels = 7 * 7 * 3 * 64 + 2 * 64, 64
    for number, repeats in enumerate(layers, 1):
        full, dense = channels + 32 * repeats, channels // 2
        for _ in range(repeats):
            total += conv(dense, 1, 128) + conv(128, 3, 32)
            dense += 32
        partial = full // 4 if number < 4 else full // 2
        total += conv(dense, 1, partial)
        channels = channels // 2 + partial
        if number < 4:
            total += conv(channels, 1, full // 2)
            channels = full // 2
    return total + 2 * channels + channels * 1000 + 1000


@pytest.mark.parametrize(
    ("variant", "layers"),
    [
        ("121", (6, 12, 24, 16)),
        pytest.param("169", (6, 12, 32, 32), marks=pytest.mark.slow),
        pytest.param("201", (6, 12, 48, 32), marks=pytest.mark.slow),
    ],
)
def test_cspnet_has_a_tenth_less_than_densenet(variant, layers):
    def ours() -> keras.Model:
        return build(ArchitectureConfig(architecture="cspnet", variant=variant), *IMAGENET)

    def reference() -> keras.Model:
        return getattr(keras.applications, f"DenseNet{variant}")(weights=None)

    parameters, multiplications = dry.costs(ours)
    theirs, their_multiplications = dry.costs(reference)
    assert parameters == csp_densenet(layers)
    assert 0.86 * theirs < parameters < 0.9 * theirs
    assert multiplications == pytest.approx(0.9 * their_multiplications, rel=0.01)
