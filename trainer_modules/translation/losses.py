"""Loss and metrics of every next token."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class TokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of token ids [B, T] and logits [B, T, V], by token; padding has weight 0 in `sample_weight`.

    `smoothing` is the share of each token's probability that is given to all V alike. Source: A. Vaswani et al.,
    "Attention is all you need" (2017), section 5.4.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__(name="token_crossentropy", reduction="mean_with_sample_weight")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each token, [B, T]."""
        tokens = tf.cast(y_true, tf.int32)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=y_pred)
        if not self.smoothing:
            return each
        # Of -log p = logsumexp - logit, the first part is common to all tokens: it is not computed twice.
        own = tf.gather(y_pred, tokens, batch_dims=2)
        return each + self.smoothing * (own - tf.reduce_mean(y_pred, axis=-1))


class Perplexity(keras.metrics.Mean):
    """exp of the mean cross-entropy of a token, without label smoothing."""

    def __init__(self) -> None:
        super().__init__(name="perplexity")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take one batch, as TokenCrossentropy does."""
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y_true, tf.int32), logits=y_pred)
        return super().update_state(each, sample_weight=sample_weight)

    def result(self) -> Any:
        """Return the perplexity, at least 1."""
        return keras.ops.exp(super().result())
