from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.tabular_config import Config


def test_defaults() -> None:
    config = Config()
    assert config.model.hidden == []
    assert config.training.loss == "auto"
    assert config.tuning.trials == 0


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"hiden": [4]}}, "Extra inputs are not permitted"),
        ({"model": {"hidden": [0]}}, "greater than or equal to 1"),
        ({"model": {"dropout": 1.0}}, "less than 1"),
        ({"model": {"hidden": [4], "initializer": "zeros"}}, "linear models only"),
        ({"features": {"numeric": ["a"], "exclude": ["a"]}}, "column 'a' is listed under more than one kind"),
        ({"features": {"bucketed": {"a": 1}}}, "greater than or equal to 2"),
        ({"training": {"learning_rate": 0}}, "greater than 0"),
        ({"training": {"loss": "hinge"}}, "Input should be 'auto'"),
        ({"tuning": {"units": [8, 4]}}, r"units: \[8, 4\] is not a range"),
        ({"tuning": {"dropout": [0.0, 1.0]}}, "must stay under 1"),
    ],
)
def test_wrong_values(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate(sections)


def test_the_configuration_does_not_import_tensorflow() -> None:
    script = "import sys, trainer_modules.tabular_config; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
