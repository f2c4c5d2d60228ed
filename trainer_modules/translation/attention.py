"""Attention of one sequence to another: scores, their softmax over what is no padding, and the weighted sum.

Sources: D. Bahdanau et al., "Neural machine translation by jointly learning to align and translate" (2014), additive;
M.-T. Luong et al., "Effective approaches to attention-based neural machine translation" (2015), dot and multiplicative
("general"); A. Vaswani et al., "Attention is all you need" (2017), section 3.2, multi-head.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

FORBIDDEN = -1e9
"""Score of what may not be looked at: its softmax is exactly 0 in float32."""


def attend(scores: tf.Tensor, allowed: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the context [..., T, D] and the weights [..., T, S], each row of which sums to 1.

    `scores` float32 [..., T, S]; `allowed` bool, broadcast to them; `values` float32 [..., S, D].
    """
    weights = tf.nn.softmax(tf.where(allowed, scores, FORBIDDEN))
    return tf.matmul(weights, values), weights


class Attention(keras.layers.Layer):
    """Attention with one head whose score is dot, multiplicative or additive.

    With the query q and the memory m: dot q·m, multiplicative q·Wm, additive v·tanh(Wm + Uq).
    """

    def __init__(self, score: str, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.score, self.units = score, units
        self.supports_masking = True  # its mask is an argument
        if score != "dot":
            self.of_memory = keras.layers.Dense(units, use_bias=False, name="of_memory")
        if score == "additive":
            self.of_query = keras.layers.Dense(units, use_bias=False, name="of_query")
            self.of_sum = keras.layers.Dense(1, use_bias=False, name="of_sum")

    def keys(self, memory: tf.Tensor) -> tf.Tensor:
        """Return the part of the score that is the same for every query, [B, S, units]."""
        return memory if self.score == "dot" else self.of_memory(memory)

    def call(
        self, query: tf.Tensor, keys: tf.Tensor, memory: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return context [B, T, units] and weights [B, T, S] of the queries [B, T, units].

        `keys` comes of the method of that name; `memory` [B, S, units]; `mask` bool [B, S], false for padding.
        """
        if self.score == "additive":
            both = tf.expand_dims(self.of_query(query), 2) + tf.expand_dims(keys, 1)
            scores = tf.squeeze(self.of_sum(tf.tanh(both)), -1)
        else:
            scores = tf.matmul(query, keys, transpose_b=True)
        return attend(scores, mask[:, tf.newaxis, :], memory)


class MultiHeadAttention(keras.layers.Layer):
    """Scaled dot products in several heads side by side, each in its own projection of units / heads numbers."""

    def __init__(self, heads: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.units = heads, units
        self.of_query, self.of_key, self.of_value, self.of_all = (
            keras.layers.Dense(units, use_bias=False, name=name)
            for name in ("of_query", "of_key", "of_value", "of_all")
        )

    def keys_and_values(self, memory: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return both projections of what is looked at, [B, S, units] each."""
        return self.of_key(memory), self.of_value(memory)

    def call(
        self, query: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, allowed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the answer [B, T, units] and the weights [B, heads, T, S].

        `query` [B, T, units]; `keys` and `values` come of the method of that name; `allowed` bool, broadcast to
        [B, 1, T, S].
        """
        size = self.units // self.heads
        scores = tf.matmul(self._split(self.of_query(query)), self._split(keys), transpose_b=True)
        context, weights = attend(scores * size**-0.5, allowed, self._split(values))
        joined = tf.transpose(context, [0, 2, 1, 3])
        return self.of_all(tf.reshape(joined, [*tf.unstack(tf.shape(joined)[:2]), self.units])), weights

    def _split(self, tensor: tf.Tensor) -> tf.Tensor:
        """[B, T, units] into [B, heads, T, units / heads]."""
        rows, steps = tf.unstack(tf.shape(tensor)[:2])
        return tf.transpose(
            tf.reshape(tensor, [rows, steps, self.heads, self.units // self.heads]), [0, 2, 1, 3]
        )
