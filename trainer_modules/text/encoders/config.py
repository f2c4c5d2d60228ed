"""Which encoder reads the text, and how large (no Keras here: the command line reads it)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from trainer_modules.common.training_config import Section

RECURRENT = ("gru", "lstm", "bilstm", "stacked_lstm")

# What an option belongs to; all others are for every encoder.
_ONLY: dict[str, tuple[str, ...]] = {
    "layers": ("stacked_lstm", "gru", "transformer"),
    "bidirectional": ("stacked_lstm", "gru"),
    "pooling": (*RECURRENT, "transformer"),
    "units": (*RECURRENT, "textcnn"),
    "widths": ("textcnn",),
    "heads": ("transformer",),
    "feed_forward": ("transformer",),
    "norm": ("transformer",),
    "positions": ("transformer",),
}


class EncoderConfig(Section):
    """An encoder and its sizes."""

    architecture: Literal["average", "gru", "lstm", "bilstm", "stacked_lstm", "textcnn", "transformer"]
    embedding: int | None = Field(
        None, ge=1, le=4096, description="numbers for each token; default: 64, or as many as the vectors have"
    )
    units: int = Field(
        64, ge=1, le=4096, description="of a recurrent layer (each way), or filters of each width of textcnn"
    )
    layers: int | None = Field(
        None, ge=1, le=24, description="gru, stacked_lstm, transformer; default: 1, for the latter two 2"
    )
    bidirectional: bool = Field(False, description="gru and stacked_lstm: a second reader goes backwards")
    pooling: Literal["last", "mean", "max"] | None = Field(
        None,
        description="what the tokens' states give; default: last for recurrent layers, mean for transformer",
    )
    widths: tuple[int, ...] = Field((3, 4, 5), min_length=1, description="textcnn: tokens that a filter sees")
    heads: int = Field(4, ge=1, description="transformer")
    feed_forward: int | None = Field(None, ge=1, description="transformer; default: 4 * embedding")
    norm: Literal["pre", "post"] = Field("pre", description="transformer: before or, as in the paper, after")
    positions: Literal["sinusoidal", "learned"] = Field("sinusoidal", description="transformer")
    hidden: int = Field(
        0, ge=0, le=4096, description="units of a dense layer before the answer; 0: no such layer"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="after every layer")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the embedding's numbers left out for a whole text"
    )
    max_tokens: int = Field(400, ge=1, le=100_000, description="of a text; what is longer is cut")
    keep: Literal["first", "last"] = Field("first", description="which tokens of a text that is too long")

    @model_validator(mode="after")
    def _what_the_architecture_has(self) -> EncoderConfig:
        name = self.architecture
        for option, encoders in _ONLY.items():
            default: Any = type(self).model_fields[option].default
            if name not in encoders and getattr(self, option) != default:
                raise ValueError(f"{option} does not fit {name}; it is for {', '.join(encoders)}")
        if any(width < 1 for width in self.widths):
            raise ValueError(f"widths: {list(self.widths)} must all be at least 1")
        if name == "transformer":
            if self.pooling == "last":
                raise ValueError("pooling: last does not fit transformer; it must be mean or max")
            if self.embedding is not None and self.embedding % self.heads:
                raise ValueError(f"embedding: {self.embedding} must be a multiple of heads ({self.heads})")
        return self

    @property
    def depth(self) -> int:
        """Layers, with the default in place of None."""
        return self.layers or (2 if self.architecture in ("stacked_lstm", "transformer") else 1)
