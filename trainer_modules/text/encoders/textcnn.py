"""TextCNN."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.pooling import Silenced, pool


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """Filters over some tokens in a row, and of each the largest answer over the text.

    Source: Y. Kim, "Convolutional neural networks for sentence classification" (2014). A filter begins at every token;
    behind the last one it sees zeros, so that a text may be shorter than the filter.
    """
    x = Silenced(name="silenced")(embedded, real)
    found = []
    for width in config.widths:
        after = keras.layers.ZeroPadding1D((0, width - 1), name=f"end_{width}")(x)
        answers = keras.layers.Conv1D(config.units, width, activation="relu", name=f"filters_{width}")(after)
        found.append(pool("max", answers, real))
    x = keras.layers.Concatenate(name="filters")(found) if len(found) > 1 else found[0]
    return keras.layers.Dropout(config.dropout, name="encoder_dropout")(x)
