"""The section of the catalog, and the component that takes it."""

from __future__ import annotations

import subprocess
import sys

import pydantic
import pytest
from tfx.types import channel_utils, standard_artifacts

from components.model_optimizer.component import ModelOptimizer
from components.model_optimizer.config import Optimizer


def test_defaults() -> None:
    assert Optimizer().model_dump() == {
        "forms": ("float32", "float16", "dynamic", "int8"),
        "max_loss": 0.01,
        "representative": 200,
        "signature": "serving_default",
        "gate": "warn",
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("forms", ["int4"], "'float32', 'float16', 'dynamic' or 'int8'"),
        ("forms", ["int8", "int8"], "names a form twice"),
        ("forms", [], "at least 1 item"),
        ("max_loss", -0.1, "greater than or equal to 0"),
        ("gate", "stop", "'warn' or 'fail'"),
        ("quantise", True, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said(key: str, value: object, said: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Optimizer.model_validate({key: value})
    assert said in str(caught.value)


def test_the_configuration_imports_nothing_heavy() -> None:
    code = (
        "import sys; import components.model_optimizer.config, components.model_optimizer.report;"
        "print(sorted({'tensorflow', 'tfx', 'apache_beam', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_component() -> None:
    made = ModelOptimizer(
        model=channel_utils.as_channel([standard_artifacts.Model()]),
        model_blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        model_name="digits",
        task="multiclass",
        labels=["label"],
        metric="accuracy",
        settings=Optimizer(forms=("int8",), max_loss=0.02),
        code="c0de",
    )
    assert made.outputs["edge_model"].type_name == "EdgeModel"
    properties = made.spec.exec_properties
    assert properties["labels"] == '["label"]'
    assert Optimizer.model_validate_json(properties["settings"]) == Optimizer(forms=("int8",), max_loss=0.02)
