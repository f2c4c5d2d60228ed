"""LSTM."""

from __future__ import annotations

from typing import Any

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.recurrent import stack


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """A long short-term memory that reads forwards.

    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997).
    """
    return stack("lstm", config, embedded, real)
