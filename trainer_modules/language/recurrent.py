"""Layers of GRU or LSTM over the embedded tokens; the state is theirs.

Sources: S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997); K. Cho et al., "Learning phrase representations
using RNN encoder-decoder" (2014); T. Mikolov et al., "Recurrent neural network based language model" (2010).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer_modules.language.network import LanguageNetwork, State

WIDTH = 64
_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


class Recurrent(LanguageNetwork):
    """One recurrent layer over the other, and the logits of the next token; dropout between the layers.

    Blocks follow each other without overlap: the state carries on what came before.
    """

    overlap = 0

    def __init__(
        self, size: int, *, cell: str, units: int, embedding: int, layers: int, dropout: float, context: int
    ) -> None:
        super().__init__()
        self.size, self.units, self.context = size, units, context
        self.embedding = keras.layers.Embedding(size, embedding)
        self.recurrent = [
            _LAYERS[cell](units, return_sequences=True, return_state=True) for _ in range(layers)
        ]
        self.scores = keras.layers.Dense(size)
        self.dropout = keras.layers.Dropout(dropout)
        self._tensors = 2 if cell == "lstm" else 1

    def call(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return logits [B, T, V]."""
        return self._run(tokens, self.start(tf.shape(tokens)[0]), training=training)[0]

    def start(self, rows: tf.Tensor) -> State:
        """Return zeros, [B, units] for each layer, and for the cells of an LSTM."""
        return [[tf.zeros([rows, self.units])] * self._tensors for _ in self.recurrent]

    def block(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, T, V] of a block of tokens, and the state after it."""
        return self._run(tokens, state)

    def read(self, tokens: tf.Tensor, lengths: tf.Tensor) -> State:
        """Return the state after the first `lengths` tokens of each row."""
        mask = tf.sequence_mask(lengths, tf.shape(tokens)[1])
        return self._hidden(tokens, self.start(tf.shape(tokens)[0]), mask)[1]

    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, V] of what follows the tokens int32 [B], and the next state."""
        outputs, after = self.embedding(tokens), []
        for layer, tensors in zip(self.recurrent, state, strict=True):
            outputs, new = layer.cell(outputs, tensors, training=False)
            after.append(list(new))
        return self.scores(outputs), after

    def packed(self, state: State) -> tf.Tensor:
        """Return the tensors of all layers side by side, float32 [B, N]."""
        return tf.concat(tf.nest.flatten(state), axis=1)

    def unpacked(self, packed: tf.Tensor) -> State:
        """Return the state that `packed` made a tensor of."""
        parts = iter(tf.split(packed, len(self.recurrent) * self._tensors, axis=1))
        return [[next(parts) for _ in range(self._tensors)] for _ in self.recurrent]

    def packed_spec(self) -> tf.TensorSpec:
        """Return shape and dtype of a packed state."""
        return tf.TensorSpec([None, len(self.recurrent) * self._tensors * self.units], tf.float32)

    def _run(self, tokens: tf.Tensor, state: State, training: bool = False) -> tuple[tf.Tensor, State]:
        outputs, after = self._hidden(tokens, state, None, training)
        return self.scores(self.dropout(outputs, training=training)), after

    def _hidden(
        self, tokens: tf.Tensor, state: State, mask: tf.Tensor | None, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        outputs, after = self.embedding(tokens), []
        for layer, tensors in zip(self.recurrent, state, strict=True):
            outputs = self.dropout(outputs, training=training)
            outputs, *new = layer(outputs, initial_state=tensors, mask=mask, training=training)
            after.append(new)
        return outputs, after


def from_config(size: int, settings: Any) -> Recurrent:
    """Return the network of the `model` section for so many ids, untrained."""
    return Recurrent(
        size,
        cell=settings.architecture,
        units=settings.units,
        embedding=settings.embedding or min(settings.units, WIDTH),
        layers=settings.layers,
        dropout=settings.dropout,
        context=settings.max_tokens,
    )
