"""Stacked LSTM."""

from __future__ import annotations

from typing import Any

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.recurrent import stack


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """Long short-term memories one above the other, each on the states of the one below.

    Source: A. Graves et al., "Speech recognition with deep recurrent neural networks" (2013).
    """
    return stack("lstm", config, embedded, real, config.depth, config.bidirectional)
