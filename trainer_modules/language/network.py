"""What the recurrent network and the Transformer have in common: every next token, in blocks or one by one."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
import tensorflow as tf

State = Any
"""Nested tensors whose first dimension is that of the rows [B]."""


class LanguageNetwork(keras.Model):
    """Called on token ids int32 [B, T], it gives logits float32 [B, T, V] of what follows each of them.

    Padding stands at the end of a row, where nothing that comes before can see it. `size` is V; `context` is how many
    tokens are taken at a time, and the first `overlap` of them are those of the block before, seen again.
    """

    size: int
    context: int
    overlap: int

    @abstractmethod
    def start(self, rows: tf.Tensor) -> State:
        """Return the state of so many rows before their first token."""

    @abstractmethod
    def block(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, T, V] of a block of at most `context` tokens, and the state after it."""

    @abstractmethod
    def read(self, tokens: tf.Tensor, lengths: tf.Tensor) -> State:
        """Return the state after the first `lengths` int32 [B] tokens of each row of ids [B, T], T at least 1."""

    @abstractmethod
    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, V] of what follows the tokens int32 [B], and the next state."""

    @abstractmethod
    def packed(self, state: State) -> tf.Tensor:
        """Return a state as one tensor [B, N], which a client can keep."""

    @abstractmethod
    def unpacked(self, packed: tf.Tensor) -> State:
        """Return the state that `packed` made a tensor of."""

    @abstractmethod
    def packed_spec(self) -> tf.TensorSpec:
        """Return shape and dtype of a packed state."""

    def make_weights(self) -> None:
        """Create all weights."""
        self(tf.zeros([1, 1], tf.int32))
