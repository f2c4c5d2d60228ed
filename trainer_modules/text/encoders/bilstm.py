"""Bidirectional LSTM."""

from __future__ import annotations

from typing import Any

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.recurrent import stack


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """A long short-term memory in either direction, side by side.

    Source: A. Graves, J. Schmidhuber, "Framewise phoneme classification with bidirectional LSTM" (2005).
    """
    return stack("lstm", config, embedded, real, bidirectional=True)
