"""Averaged embeddings."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.pooling import pool


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """The mean of the embeddings: the order of the tokens is lost.

    Source: A. Joulin et al., "Bag of tricks for efficient text classification" (2016); with `hidden`, M. Iyyer et al.,
    "Deep unordered composition rivals syntactic methods for text classification" (2015).
    """
    return keras.layers.Dropout(config.dropout, name="encoder_dropout")(pool("mean", embedded, real))
