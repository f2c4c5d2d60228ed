"""How text is cut into tokens (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_modules.common.training_config import Section

RESERVED = 4
"""Ids that stand for no token of the text: padding, unknown, start, end."""


class Tokenizer(Section):
    """What a token is, and which tokens the model knows."""

    kind: Literal["words", "characters", "subwords"] = "words"
    size: int = Field(
        20_000,
        gt=RESERVED,
        description="largest number of ids, the four reserved ones among them; the most frequent tokens get one",
    )
    min_frequency: int = Field(
        2, ge=1, description="how often a word or character must occur in the train split to get an id"
    )
    lowercase: bool = True
    strip_html: bool = Field(False, description="tags become a space, &amp; and the like their character")
    subword_model: Literal["unigram", "bpe"] = Field("unigram", description="subwords only")

    @model_validator(mode="after")
    def _what_the_kind_has(self) -> Tokenizer:
        if self.kind == "subwords" and self.min_frequency != 2:
            raise ValueError(
                "min_frequency is for words and characters: subwords are learnt; it must be left out"
            )
        if self.kind != "subwords" and self.subword_model != "unigram":
            raise ValueError(f"subword_model does not fit {self.kind}; it must be left out")
        return self
