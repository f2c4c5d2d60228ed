"""What the configuration of the tagger does not take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.sequence_tagger_config import Config


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"model": {"decoding": "viterbi"}}, "'crf', 'constrained' or 'argmax'"),
        ({"model": {"cell": "rnn"}}, "'lstm' or 'gru'"),
        ({"training": {"label_smoothing": 0.1}}, "label_smoothing is not for tags"),
        ({"training": {"loss": "softmax"}}, "loss is not for tags"),
        ({"tuning": {"trials": 3}}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_values(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config.model_validate(sections)


def test_all_has_a_default() -> None:
    assert Config.model_validate({}).model.decoding == "crf"
