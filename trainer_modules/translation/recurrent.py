"""Encoder and decoder of GRU or LSTM layers, with attention over the encoder's outputs.

The decoder looks back after its recurrent layers, so that in training its steps need not wait for each other's attention
(M.-T. Luong et al., "Effective approaches to attention-based neural machine translation", 2015, section 3). Its
attention compares places as well as words: a recurrent state counts badly, and without places the attention
finds the words that belong together only after the network has learnt the targets by heart. What is looked at is each
word's output and its embedding, so that its meaning need not pass through the recurrent layers.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer_modules.translation.attention import Attention
from trainer_modules.translation.positions import sinusoids
from trainer_modules.translation.translator import PAD, State, Translator

_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


class Recurrent(Translator):
    """GRU or LSTM encoder, in both directions if asked for, and a decoder with attention.

    With two directions, half of the units read forwards and half backwards; the decoder's layers begin with the last
    states of the encoder's layers.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        cell: str = "gru",
        attention: str = "dot",
        units: int = 256,
        embedding: int = 256,
        layers: int = 1,
        bidirectional: bool = True,
        positions: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.bidirectional, self.positions, self.units = bidirectional, positions, units
        self.source_embedding = keras.layers.Embedding(source_size, embedding)
        self.target_embedding = keras.layers.Embedding(target_size, embedding)
        self.encoder = [self._reader(cell, units) for _ in range(layers)]
        self.decoder = [_LAYERS[cell](units, return_sequences=True, return_state=True) for _ in range(layers)]
        self.attention = Attention(attention, units)
        self.combine = keras.layers.Dense(units, activation="tanh", use_bias=False)
        self.scores = keras.layers.Dense(target_size)
        self.dropout = keras.layers.Dropout(dropout)

    def _reader(self, cell: str, units: int) -> keras.layers.Layer:
        if not self.bidirectional:
            return _LAYERS[cell](units, return_sequences=True, return_state=True)
        one_way = _LAYERS[cell](units // 2, return_sequences=True, return_state=True)
        return keras.layers.Bidirectional(one_way)

    def encode(self, source: tf.Tensor, training: bool = False) -> State:
        """Return outputs and keys [B, S, units], mask [B, S], and the last states of each layer [B, units]."""
        mask = source != PAD
        embedded, states = self.source_embedding(source), []
        outputs = embedded
        for layer in self.encoder:
            outputs = self.dropout(outputs, training=training)
            outputs, *last = layer(outputs, mask=mask, training=training)
            half = len(last) // 2
            pairs = zip(last[:half], last[half:], strict=True)
            states.append([tf.concat(pair, 1) for pair in pairs] if self.bidirectional else last)
        if embedded.shape[-1] == self.units:
            outputs += embedded
        outputs = self.dropout(outputs, training=training)
        keys = self.attention.keys(self._placed(outputs, tf.range(tf.shape(source)[1])))
        return {"outputs": outputs, "keys": keys, "mask": mask, "states": states}

    def decode(self, memory: State, target: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Return logits [B, T, V] of the tokens that follow each one of target ids [B, T], and attention [B, T, S]."""
        outputs = self.target_embedding(target)
        for layer, states in zip(self.decoder, memory["states"], strict=True):
            outputs = self.dropout(outputs, training=training)
            outputs = layer(outputs, initial_state=states, training=training)[0]
        return self._look_back(memory, outputs, tf.range(tf.shape(target)[1]), training)

    def start(self, memory: State) -> State:
        """Return the encoder's last states, and place 0."""
        return [*memory["states"], tf.zeros([tf.shape(memory["mask"])[0]], tf.int32)]

    def step(self, memory: State, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [N, V] of what follows the tokens int32 [N], and the next state."""
        outputs, after = self.target_embedding(tokens), []
        *state, place = state
        for layer, states in zip(self.decoder, state, strict=True):
            outputs, new = layer.cell(outputs, states, training=False)
            after.append(list(new))
        # All sentences are as long.
        logits, _ = self._look_back(memory, outputs[:, tf.newaxis], place[:1], training=False)
        return logits[:, 0], [*after, place + 1]

    def _look_back(
        self, memory: State, outputs: tf.Tensor, places: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        query = self._placed(outputs, places)
        context, weights = self.attention(query, memory["keys"], memory["outputs"], mask=memory["mask"])
        combined = self.combine(tf.concat([context, outputs], axis=-1))
        return self.scores(self.dropout(combined, training=training)), weights

    def _placed(self, outputs: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Outputs [B, T, units] with the places [T] added."""
        return outputs + sinusoids(places, self.units) if self.positions else outputs


def from_config(source_size: int, target_size: int, settings: Any) -> Recurrent:
    """Return the network of the `model` section, untrained."""
    return Recurrent(
        source_size,
        target_size,
        cell=settings.cell,
        attention=settings.attention,
        units=settings.units,
        embedding=settings.embedding or settings.units,
        layers=settings.layers,
        bidirectional=settings.bidirectional,
        positions=settings.positions,
        dropout=settings.dropout,
    )
