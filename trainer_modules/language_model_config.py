"""Configuration of `trainer_modules.language_model` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section
from trainer_modules.text import tokenizer_config

RECURRENT_ONLY = ("embedding",)
TRANSFORMER_ONLY = ("heads", "feed_forward", "positions")
MOST_TOKENS = 10_000
"""That one call of the signature `generate` makes: a client that wants more goes on."""


class Tokenizer(tokenizer_config.Tokenizer):
    """As elsewhere, but characters unless said otherwise, and with their capitals."""

    kind: Literal["words", "characters", "subwords"] = "characters"
    lowercase: bool = False


class Features(Section):
    """Which column is read, and how it is cut into tokens."""

    column: str = Field("text", description="the column with the text")
    tokenizer: Tokenizer = Tokenizer()
    whole_texts: bool = Field(
        False,
        description="each example is a text of its own, and the model learns where texts end; leave it out for windows",
    )


class Model(Section):
    """The network, and how many tokens it learns from at a time."""

    architecture: Literal["gru", "lstm", "transformer"] = "gru"
    embedding: int | None = Field(None, ge=1, description="gru and lstm only; default: units, at most 64")
    units: int = Field(256, ge=1)
    layers: int = Field(1, ge=1, le=24)
    heads: int = Field(4, ge=1, description="transformer only")
    feed_forward: int | None = Field(None, ge=1, description="transformer only; default: 4 * units")
    positions: Literal["learned", "sinusoidal"] = Field("learned", description="transformer only")
    dropout: float = Field(0.0, ge=0, lt=1)
    max_tokens: int = Field(
        128,
        ge=2,
        description="tokens of a training window; a transformer sees the last max_tokens / 2 to max_tokens",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        other = RECURRENT_ONLY if self.architecture == "transformer" else TRANSFORMER_ONLY
        for name in other:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} does not fit architecture {self.architecture}; it must be left out")
        if self.architecture == "transformer" and self.units % self.heads:
            raise ValueError(f"units: {self.units} must be a multiple of heads ({self.heads})")
        return self


class Training(training_config.Training):
    """How the network is fitted."""

    batch_size: int = Field(64, ge=1, description="windows")
    epochs: int = Field(10, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=2)
    clip_norm: float = Field(1.0, ge=0, description="largest norm of all gradients together; 0 clips nothing")
    samples: int = Field(
        3,
        ge=0,
        description="texts, for each temperature, that the model writes and that are kept with the run",
    )

    @model_validator(mode="after")
    def _of_tokens(self) -> Training:
        if self.loss != "auto":
            raise ValueError(f"loss: {self.loss} does not fit a language model; it must be left out")
        if self.class_weights != "none":
            raise ValueError("class_weights are for classes; they must be left out")
        return self


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    tuning: NoTuning = NoTuning()
