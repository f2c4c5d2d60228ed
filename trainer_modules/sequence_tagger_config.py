"""Configuration of `trainer_modules.sequence_tagger` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section


class Features(Section):
    """Which column holds the tokens, and which tokens the model knows."""

    tokens: str = Field("tokens", description="the column with the tokens of a sentence")
    size: int = Field(20_000, ge=1, description="largest number of tokens with a vector of their own")
    min_frequency: int = Field(
        2, ge=1, description="how often a token must occur in the train split for that"
    )
    lowercase: bool = Field(True, description="of the tokens; their characters are seen as they are")


class Characters(Section):
    """What the model sees of the spelling of a token: a convolution over its characters."""

    embedding: int = Field(16, ge=1)
    filters: int = Field(32, ge=1)
    width: int = Field(3, ge=1, description="characters that a filter sees at once")
    longest: int = Field(20, ge=1, description="characters of a token that are read")


class Model(Section):
    """A recurrent network over the tokens, and how tags are chosen from its scores."""

    cell: Literal["lstm", "gru"] = "lstm"
    bidirectional: bool = True
    layers: int = Field(1, ge=1, le=8)
    units: int = Field(64, ge=1)
    embedding: int = Field(64, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    characters: Characters | None = Characters()
    decoding: Literal["crf", "constrained", "argmax"] = Field(
        "crf",
        description="tags of a sentence together, by a conditional random field; each by itself, but I- only behind its "
        "own kind; or each by itself",
    )


class Training(training_config.Training):
    """How the model is fitted."""

    batch_size: int = Field(32, ge=1)
    epochs: int = Field(30, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=5)
    clip_norm: float = Field(5.0, ge=0, description="largest norm of all gradients together; 0 clips nothing")

    @model_validator(mode="after")
    def _of_tags(self) -> Training:
        for name, value in (("loss", "auto"), ("label_smoothing", 0.0), ("class_weights", "none")):
            if getattr(self, name) != value:
                raise ValueError(f"{name} is not for tags; it must be left out")
        return self


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    tuning: NoTuning = NoTuning()
