"""Configuration of `trainer_modules.word_embeddings` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section
from trainer_modules.text import tokenizer_config

SKIP_GRAM_ONLY = ("negatives", "subsample", "passes")
GLOVE_ONLY = ("x_max", "alpha")
MOST_NEIGHBOURS = 1000
"""That one call of the signature `neighbours` answers for a word."""


class Tokenizer(tokenizer_config.Tokenizer):
    """As elsewhere, but words alone, each of which must occur more often to have a vector."""

    kind: Literal["words"] = "words"
    min_frequency: int = Field(5, ge=1)


class Features(Section):
    """Which column is read, and which words have a vector."""

    column: str = Field("text", description="the column with the text")
    tokenizer: Tokenizer = Tokenizer()


class AllBut(Section):
    """All words, except some."""

    all_but: tuple[str, ...]


class Debias(Section):
    """Which direction is taken out of the vectors that are shown."""

    direction: tuple[tuple[str, str], ...] = Field(min_length=1, description="pairs that differ along it")
    neutralise: tuple[str, ...] | AllBut = Field((), description="words that lose it")
    equalise: tuple[tuple[str, str], ...] = Field(
        (), description="pairs that come to lie at the same distance from every neutral word"
    )


class Model(Section):
    """What is learnt of the pairs, and what is shown of the vectors."""

    objective: Literal["skip_gram", "glove"] = "skip_gram"
    dimensions: int = Field(100, ge=1, le=2000)
    window: int = Field(5, ge=1, le=50, description="words to each side that are neighbours")
    negatives: int = Field(5, ge=1, le=100, description="skip_gram only: words drawn against each pair")
    subsample: float = Field(
        1e-3,
        ge=0,
        le=1,
        description="skip_gram only: words above this frequency are thinned out; 0 keeps all",
    )
    passes: int = Field(
        1, ge=1, le=100, description="skip_gram only: how often the texts give pairs, drawn anew each time"
    )
    x_max: float = Field(100.0, gt=0, description="glove only: counts from here on weigh alike")
    alpha: float = Field(0.75, gt=0, description="glove only: how the weight rises up to there")
    debias: Debias | None = None
    analogies: tuple[tuple[str, str, str, str], ...] = Field(
        (), description="[man, woman, king, queen]: three words, and the one that is expected"
    )
    show: tuple[str, ...] = Field((), description="words whose neighbours are kept with the run")

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        other = GLOVE_ONLY if self.objective == "skip_gram" else SKIP_GRAM_ONLY
        for name in other:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} does not fit objective {self.objective}; it must be left out")
        return self


class Training(training_config.Training):
    """How the vectors are fitted."""

    batch_size: int = Field(4096, ge=1, description="pairs")
    epochs: int = Field(20, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=2)

    @model_validator(mode="after")
    def _of_pairs(self) -> Training:
        if self.loss != "auto":
            raise ValueError(f"loss: {self.loss} does not fit word embeddings; it must be left out")
        if self.class_weights != "none":
            raise ValueError("class_weights are for classes; they must be left out")
        if self.label_smoothing:
            raise ValueError("label_smoothing is for classes; it must be left out")
        return self


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    tuning: NoTuning = NoTuning()
