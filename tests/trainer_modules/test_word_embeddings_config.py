from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.word_embeddings_config import AllBut, Config


def test_defaults() -> None:
    config = Config.model_validate({})
    assert config.features.tokenizer.kind == "words"
    assert (config.model.objective, config.model.negatives, config.model.subsample) == ("skip_gram", 5, 1e-3)
    assert config.model.debias is None


def test_neutral_words_are_listed_or_all_but_some() -> None:
    def neutral(value: Any) -> Any:
        debias = {"direction": [["he", "she"]], "neutralise": value}
        found = Config.model_validate({"model": {"debias": debias}}).model.debias
        assert found is not None
        return found.neutralise

    assert neutral(["nurse"]) == ("nurse",)
    assert neutral({"all_but": ["he", "she"]}) == AllBut(all_but=("he", "she"))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"objective": "glove", "negatives": 3}}, "negatives does not fit objective glove"),
        ({"model": {"x_max": 10.0}}, "x_max does not fit objective skip_gram; it must be left out"),
        ({"model": {"analogies": [["man", "woman", "king"]]}}, "analogies"),
        ({"model": {"debias": {"direction": []}}}, "direction"),
        ({"features": {"tokenizer": {"kind": "subwords"}}}, "Input should be 'words'"),
        ({"training": {"loss": "mse"}}, "loss: mse does not fit word embeddings"),
        ({"training": {"label_smoothing": 0.1}}, "label_smoothing is for classes"),
    ],
)
def test_what_does_not_fit_together(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate(sections)
