"""Configuration of `trainer_modules.sequence_to_sequence` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section
from trainer_modules.text import tokenizer_config

RECURRENT_ONLY = ("cell", "attention", "embedding", "bidirectional", "positions")
TRANSFORMER_ONLY = ("heads", "feed_forward")


class Tokenizer(tokenizer_config.Tokenizer):
    """As elsewhere, but translations keep their capitals."""

    kind: Literal["words", "characters", "subwords"] = "subwords"
    size: int = Field(8000, gt=tokenizer_config.RESERVED, description="largest number of ids")
    lowercase: bool = False


class Features(Section):
    """Which column is translated, and how both sides are cut into tokens; the label is the target column."""

    source: str = Field("source", description="the column that is translated")
    source_tokenizer: Tokenizer = Tokenizer()
    target_tokenizer: Tokenizer = Tokenizer()


class Model(Section):
    """The network, the longest sentences, and how a translation is searched for."""

    architecture: Literal["recurrent", "transformer"] = "recurrent"
    cell: Literal["gru", "lstm"] = Field("gru", description="recurrent only")
    attention: Literal["dot", "multiplicative", "additive"] = Field("dot", description="recurrent only")
    embedding: int | None = Field(None, ge=1, description="recurrent only; default: units")
    bidirectional: bool = Field(
        True, description="recurrent only: half of the encoder's units read backwards"
    )
    positions: bool = Field(
        True, description="recurrent only: the attention compares places as well as words"
    )
    heads: int = Field(4, ge=1, description="transformer only")
    feed_forward: int | None = Field(None, ge=1, description="transformer only; default: 4 * units")
    units: int = Field(256, ge=2)
    layers: int = Field(1, ge=1, le=24, description="of the encoder, and as many of the decoder")
    dropout: float = Field(0.1, ge=0, lt=1)
    max_source: int = Field(100, ge=2, description="tokens, the end too; what is longer is cut")
    max_target: int = Field(100, ge=2, description="tokens, the end too; no translation is longer")
    beam: int = Field(
        1,
        ge=1,
        le=32,
        description="beginnings that the search keeps; 1 is greedy; requests may ask for another",
    )
    length_penalty: float = Field(
        0.6, ge=0, le=5, description="of beam search: 0 prefers short translations, larger values longer ones"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        other = TRANSFORMER_ONLY if self.architecture == "recurrent" else RECURRENT_ONLY
        for name in other:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} does not fit architecture {self.architecture}; it must be left out")
        if self.architecture == "transformer" and self.units % self.heads:
            raise ValueError(f"units: {self.units} must be a multiple of heads ({self.heads})")
        if self.architecture == "recurrent" and self.bidirectional and self.units % 2:
            raise ValueError(f"units: {self.units} must be even where the encoder is bidirectional")
        return self


class Training(training_config.Training):
    """How the network is fitted."""

    batch_size: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=3)
    clip_norm: float = Field(1.0, ge=0, description="largest norm of all gradients together; 0 clips nothing")
    schedule: Literal["decay", "noam"] = Field(
        "decay",
        description="`decay`: the common keys; `noam`: up to learning_rate over warmup_steps, then with 1/sqrt(step)",
    )
    warmup_steps: int = Field(4000, ge=1, description="noam only")
    samples: int = Field(
        100,
        ge=0,
        description="translations of the valid split that are kept with the run, with the error analysis",
    )

    @model_validator(mode="after")
    def _one_schedule(self) -> Training:
        if self.schedule == "noam" and (self.decay != "none" or self.warmup_epochs):
            name = "decay" if self.decay != "none" else "warmup_epochs"
            raise ValueError(f"{name} does not fit schedule noam; it must be left out")
        if self.schedule == "decay" and self.warmup_steps != type(self).model_fields["warmup_steps"].default:
            raise ValueError(
                "warmup_steps is for schedule noam; it must be left out (warmup_epochs is for all)"
            )
        if self.loss != "auto":
            raise ValueError(f"loss: {self.loss} does not fit translation; it must be left out")
        if self.class_weights != "none":
            raise ValueError("class_weights are for classes; they must be left out")
        return self


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    tuning: NoTuning = NoTuning()
