"""What the recurrent network and the Transformer have in common: an encoder, and a decoder that goes step by step.

A model sees token ids alone. A source is its tokens and END, a target START, its tokens and END; both are padded with
PAD at the end.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
import tensorflow as tf

PAD, UNK, START, END = 0, 1, 2, 3
State = Any
"""Nested tensors whose first dimension is that of the tokens [N]."""


class Translator(keras.Model):
    """Encoder and decoder; called, it scores every next token of given targets (teacher forcing)."""

    @abstractmethod
    def encode(self, source: tf.Tensor, training: bool = False) -> State:
        """Return what the decoder needs of source ids int32 [B, S]: the memory."""

    @abstractmethod
    def decode(self, memory: State, target: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Return logits [B, T, V] of the tokens that follow each one of target ids [B, T], and attention [B, T, S]."""

    @abstractmethod
    def start(self, memory: State) -> State:
        """Return the decoder's state before the first token."""

    @abstractmethod
    def step(self, memory: State, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [N, V] of what follows the tokens int32 [N], and the next state."""

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return logits [B, T, V]; `inputs` holds source [B, S] and target [B, T], which begins with START."""
        memory = self.encode(inputs["source"], training=training)
        return self.decode(memory, inputs["target"], training=training)[0]

    def make_weights(self) -> None:
        """Create all weights."""
        one = tf.fill([1, 1], START)
        self({"source": one, "target": one})
