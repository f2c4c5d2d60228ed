"""How likely the tags of a sentence are together, and the best ones: loss and decoding of the tagger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer_modules.tagging import constraints, crf
from trainer_modules.tagging.examples import NO_TAG


class Chain(keras.layers.Layer):
    """Passes scores [B, T, K] on, and owns what steps between tags cost.

    `crf`: steps are learnt, and those that IOB2 forbids stay forbidden. `constrained`: they cost nothing in training, and
    decoding keeps to IOB2. `argmax`: they cost nothing.
    """

    def __init__(self, tags: Sequence[str], decoding: str) -> None:
        super().__init__(name="chain", dtype="float32")
        self._decoding = decoding
        self.supports_masking = True
        start, steps = constraints.start_and_steps(tags)
        self._start_allowed, self._steps_allowed = tf.constant(start), tf.constant(steps)
        if decoding == "crf":
            self.start = self.add_weight(shape=start.shape, initializer="zeros", name="start")
            self.steps = self.add_weight(shape=steps.shape, initializer="zeros", name="steps")
        self.built = True

    def call(self, scores: Any) -> Any:
        """Return the scores as they are."""
        return tf.identity(scores)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """The loss knows the end of a sentence by its tags: Keras's mask is of tokens, the loss of sentences."""
        return None

    def loss(self, tags: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Return minus the log likelihood of int32 tags [B, T] (-1 behind the end), float32 [B]."""
        lengths = tf.reduce_sum(tf.cast(tags != NO_TAG, tf.int32), axis=1)
        start, steps = self._costs() if self._decoding == "crf" else self._free()
        return -crf.log_likelihood(scores, tf.maximum(tf.cast(tags, tf.int32), 0), lengths, start, steps)

    def best(self, scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Return the best tags, int32 [B, T]."""
        start, steps = self._free() if self._decoding == "argmax" else self._costs()
        return crf.best(scores, tf.maximum(lengths, 1), start, steps)

    def _costs(self) -> tuple[tf.Tensor, tf.Tensor]:
        if self._decoding != "crf":
            return self._start_allowed, self._steps_allowed
        return (
            tf.convert_to_tensor(self.start) + self._start_allowed,
            tf.convert_to_tensor(self.steps) + self._steps_allowed,
        )

    def _free(self) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.zeros_like(self._start_allowed), tf.zeros_like(self._steps_allowed)


class TokenAccuracy(keras.metrics.Mean):
    """The share of the tokens whose tag the chain finds; padding does not count."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(name="accuracy")
        self._best = chain.best

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take one batch: tags [B, T] and scores [B, T, K]."""
        tags = tf.cast(y_true, tf.int32)
        real = tags != NO_TAG
        found = self._best(y_pred, tf.reduce_sum(tf.cast(real, tf.int32), axis=1))
        return super().update_state(tf.cast(tags == found, tf.float32), tf.cast(real, tf.float32))
