from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.architectures.config import ArchitectureConfig


def test_the_first_variant_is_the_default():
    assert ArchitectureConfig(architecture="resnet").form == "18"
    assert ArchitectureConfig(architecture="resnet", variant="50").form == "50"
    assert ArchitectureConfig(architecture="lenet5").form == ""


def test_a_variant_may_be_written_as_a_number():
    assert ArchitectureConfig(architecture="resnet", variant=101).form == "101"


@pytest.mark.parametrize(("variant", "size"), [(None, 224), ("b3", 300), ("b7", 600), ("lite0", 224)])
def test_compound_scaling_gives_the_image_size(variant, size):
    assert ArchitectureConfig(architecture="efficientnet", variant=variant).image_size == size


def test_other_architectures_take_images_as_they_are():
    assert ArchitectureConfig(architecture="vgg16").image_size is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"architecture": "resnet", "variant": "20"},
            "variant: '20' is none of resnet; it must be one of 18, 34, 50, 101, 152",
        ),
        (
            {"architecture": "lenet5", "variant": "b0"},
            "variant: 'b0' is none of lenet5; it must be left out: there is one form only",
        ),
        (
            {"architecture": "alexnet", "depth": 0.5},
            "depth: 0.5 does not fit alexnet, which has no stages; it must be 1",
        ),
        (
            {"architecture": "softmax", "width": 2},
            "width: 2 does not fit softmax, which has no hidden layer; it must be 1",
        ),
        (
            {"architecture": "softmax", "dropout": 0.2},
            "dropout: 0.2 does not fit softmax, which has no hidden layer; it must be 0",
        ),
    ],
)
def test_what_an_architecture_does_not_have_is_refused(values: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as caught:
        ArchitectureConfig(**values)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture", "resnet50"),
        ("width", 0),
        ("depth", 17),
        ("dropout", 1),
        ("variant", True),
        ("layers", 2),
    ],
)
def test_a_wrong_value_names_its_key(key, value):
    with pytest.raises(ValidationError) as caught:
        ArchitectureConfig(**{"architecture": "mlp", key: value})
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]


def test_the_configuration_needs_no_keras():
    script = (
        "import sys; from trainer_modules.architectures.config import ArchitectureConfig; "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
