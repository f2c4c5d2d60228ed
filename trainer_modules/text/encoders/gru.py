"""GRU."""

from __future__ import annotations

from typing import Any

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.recurrent import stack


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """A gated recurrent unit, which may be stacked and read both ways.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014).
    """
    return stack("gru", config, embedded, real, config.depth, config.bidirectional)
