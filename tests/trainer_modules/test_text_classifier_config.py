from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.common import training_config
from trainer_modules.text.tokenizer_config import Tokenizer
from trainer_modules.text_classifier_config import Config, Features, Model, Training

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize(
    ("model", "tokenizer", "message"),
    [
        ({}, {}, "Field required"),
        ({"architecture": "rnn"}, {}, "Input should be 'average', 'gru'"),
        ({"architecture": "average", "units": 8}, {}, "units does not fit average; it is for gru, lstm"),
        (
            {"architecture": "bilstm", "layers": 2},
            {},
            "layers does not fit bilstm; it is for stacked_lstm, gru",
        ),
        ({"architecture": "lstm", "bidirectional": True}, {}, "bidirectional does not fit lstm"),
        ({"architecture": "textcnn", "pooling": "mean"}, {}, "pooling does not fit textcnn"),
        ({"architecture": "textcnn", "widths": [3, 0]}, {}, r"widths: \[3, 0\] must all be at least 1"),
        ({"architecture": "transformer", "pooling": "last"}, {}, "last does not fit transformer"),
        (
            {"architecture": "transformer", "embedding": 30},
            {},
            r"embedding: 30 must be a multiple of heads \(4\)",
        ),
        ({"architecture": "gru", "vectors": {"file": "a.npy"}}, {}, "vocabulary: a .npy file needs one"),
        ({"architecture": "gru"}, {"size": 4}, "Input should be greater than 4"),
        ({"architecture": "gru"}, {"kind": "subwords", "min_frequency": 3}, "min_frequency is for words and"),
        ({"architecture": "gru"}, {"subword_model": "bpe"}, "subword_model does not fit words"),
    ],
)
def test_values_that_do_not_fit(model: dict[str, Any], tokenizer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate({"model": model, "features": {"tokenizer": tokenizer}})


@pytest.mark.parametrize(
    "name", ["average", "gru", "lstm", "bilstm", "stacked_lstm", "textcnn", "transformer"]
)
def test_a_configuration_survives_being_written_out(name: str) -> None:
    config = Config.model_validate({"model": {"architecture": name}})
    assert Config.model_validate(config.model_dump()) == config


def test_the_configuration_is_read_without_tensorflow() -> None:
    code = "import sys, trainer_modules.text_classifier_config; print([m for m in sys.modules if m in ('tensorflow', 'keras')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_names_each_key() -> None:
    own = set(Training.model_fields) - set(training_config.Training.model_fields)
    sections = {
        "features": Features.model_fields,
        "model": Model.model_fields,
        "training": own,
        "tokenizer": Tokenizer.model_fields,
    }
    keys = [f"`{section}.{name}`" for section, names in sections.items() for name in names]
    assert [key for key in keys if key not in PAGE] == []
