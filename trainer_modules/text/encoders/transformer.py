"""Transformer encoder."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.encoders.pooling import pool


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """Layers of self-attention and a feed-forward net, each with a residual, and the mean of the tokens.

    Source: A. Vaswani et al., "Attention is all you need" (2017), with `norm: post`; `pre`, which trains without a
    warm-up: R. Xiong et al., "On layer normalization in the Transformer architecture" (2020).
    """
    width = embedded.shape[-1]
    x = Positions(config.positions, config.max_tokens, name="positions")(embedded)
    x = keras.layers.Dropout(config.dropout, name="input_dropout")(x)
    seen = ops.expand_dims(real, 1)
    for number in range(1, config.depth + 1):
        attention = keras.layers.MultiHeadAttention(
            config.heads, width // config.heads, dropout=config.dropout, name=f"attention_{number}"
        )
        x = _sublayer(config, x, f"attention_{number}", lambda y, at=attention: at(y, y, attention_mask=seen))
        x = _sublayer(
            config, x, f"feed_forward_{number}", lambda y, n=number: _feed_forward(config, y, width, n)
        )
    if config.norm == "pre":
        x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return pool(config.pooling or "mean", x, real)


def _sublayer(config: EncoderConfig, x: Any, name: str, function: Any) -> Any:
    norm = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm")
    dropout = keras.layers.Dropout(config.dropout, name=f"{name}_dropout")
    if config.norm == "pre":
        return keras.layers.Add()([x, dropout(function(norm(x)))])
    return norm(keras.layers.Add()([x, dropout(function(x))]))


def _feed_forward(config: EncoderConfig, x: Any, width: int, number: int) -> Any:
    inner = config.feed_forward or 4 * width
    x = keras.layers.Dense(inner, activation="relu", name=f"feed_forward_{number}_inner")(x)
    return keras.layers.Dense(width, name=f"feed_forward_{number}_outer")(x)


class Positions(keras.layers.Layer):
    """Scales embeddings [B, T, E] (section 3.4 of the paper) and adds what tells their places: sinusoids or learned."""

    def __init__(self, kind: str, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.longest = longest

    def build(self, input_shape: Any) -> None:
        if self.kind == "learned":
            self.table = self.add_weight(
                shape=(self.longest, input_shape[-1]),
                initializer=keras.initializers.RandomNormal(stddev=0.02),
            )

    def call(self, embedded: Any) -> Any:
        """Return float32 [B, T, E]; T is at most `longest`."""
        tokens, width = ops.shape(embedded)[1], embedded.shape[-1]
        scaled = embedded * math.sqrt(width)
        if self.kind == "learned":
            return scaled + self.table[:tokens]
        rates = np.exp(-math.log(10_000.0) * (np.arange(width) // 2 * 2) / width).astype(np.float32)
        angles = ops.cast(ops.arange(tokens), "float32")[:, None] * rates
        return scaled + ops.where(np.arange(width) % 2 == 0, ops.sin(angles), ops.cos(angles))
