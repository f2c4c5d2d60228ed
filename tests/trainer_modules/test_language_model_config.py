from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.language_model_config import Config


def test_defaults() -> None:
    config = Config.model_validate({})
    assert config.features.column == "text"
    assert config.features.tokenizer.kind == "characters"
    assert not config.features.tokenizer.lowercase
    assert config.model.architecture == "gru"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"heads": 2}}, "heads does not fit architecture gru; it must be left out"),
        (
            {"model": {"architecture": "lstm", "positions": "sinusoidal"}},
            "positions does not fit architecture lstm; it must be left out",
        ),
        (
            {"model": {"architecture": "transformer", "embedding": 8}},
            "embedding does not fit architecture transformer; it must be left out",
        ),
        (
            {"model": {"architecture": "transformer", "units": 30}},
            r"units: 30 must be a multiple of heads \(4\)",
        ),
        ({"training": {"loss": "mse"}}, "loss: mse does not fit a language model"),
        ({"training": {"class_weights": "balanced"}}, "class_weights are for classes"),
        ({"features": {"text": "body"}}, "text\n  Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_together(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate(sections)
