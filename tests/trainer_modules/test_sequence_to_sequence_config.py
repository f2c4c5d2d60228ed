from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainer_modules.sequence_to_sequence_config import Config


def test_a_configuration_can_be_read_again_as_it_was_written() -> None:
    for sections in (
        {},
        {"model": {"architecture": "transformer"}, "training": {"schedule": "noam", "warmup_steps": 300}},
        {"features": {"source_tokenizer": {"kind": "words"}, "target_tokenizer": {"kind": "subwords"}}},
    ):
        config = Config.model_validate(sections)
        assert Config.model_validate(config.model_dump(mode="json")) == config


def test_translations_keep_their_capitals() -> None:
    features = Config.model_validate({"features": {"source_tokenizer": {"kind": "words"}}}).features
    assert (features.source_tokenizer.lowercase, features.target_tokenizer.kind) == (False, "subwords")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"heads": 8}}, "heads does not fit architecture recurrent"),
        (
            {"model": {"architecture": "transformer", "cell": "lstm"}},
            "cell does not fit architecture transformer",
        ),
        ({"model": {"architecture": "transformer", "units": 10}}, r"10 must be a multiple of heads \(4\)"),
        ({"model": {"units": 7}}, "7 must be even"),
        ({"training": {"schedule": "noam", "decay": "cosine"}}, "decay does not fit schedule noam"),
        ({"training": {"warmup_steps": 10}}, "warmup_steps is for schedule noam"),
        ({"training": {"loss": "mse"}}, "loss: mse does not fit translation"),
        ({"training": {"class_weights": "balanced"}}, "class_weights are for classes"),
        ({"model": {"beams": 3}}, "beams"),
    ],
)
def test_keys_that_do_not_fit(sections: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate(sections)
