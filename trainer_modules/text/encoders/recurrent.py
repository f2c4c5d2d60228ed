"""What the recurrent encoders share."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.pooling import pool

CELLS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def stack(
    cell: str, config: EncoderConfig, embedded: Any, real: Any, layers: int = 1, bidirectional: bool = False
) -> Any:
    """Return the pooled states of stacked recurrent layers, [B, units], or [B, 2 * units] read both ways.

    Padding leaves the state as it is: `last` is the state after the last token, and backwards after the first.
    """
    pooling = config.pooling or "last"
    x = embedded
    for number in range(1, layers + 1):
        all_states = number < layers or pooling != "last"
        layer = CELLS[cell](config.units, return_sequences=all_states, name=f"{cell}_{number}")
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"both_ways_{number}")
        x = layer(x, mask=real)
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
    return x if pooling == "last" else pool(pooling, x, real)
