"""The Transformer.

Source: A. Vaswani et al., "Attention is all you need" (2017): post-norm layers, sinusoidal positions, and the target's
embedding as the output's weights (section 3.4).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer_modules.translation.attention import MultiHeadAttention
from trainer_modules.translation.positions import sinusoids
from trainer_modules.translation.translator import PAD, State, Translator


def positions(start: Any, count: Any, units: int) -> tf.Tensor:
    """Return the sinusoids of positions start to start + count - 1, float32 [count, units] (section 3.5)."""
    return sinusoids(tf.range(start, start + count), units)


class Block(keras.layers.Layer):
    """One layer: self-attention, in the decoder attention to the memory, and a feed-forward network.

    Each is followed by dropout, added to its input and normalised.
    """

    def __init__(self, units: int, heads: int, feed_forward: int, dropout: float, decodes: bool) -> None:
        super().__init__()
        self.of_self = MultiHeadAttention(heads, units, name="of_self")
        self.after_self = keras.layers.LayerNormalization(epsilon=1e-6, name="after_self")
        if decodes:
            self.of_memory = MultiHeadAttention(heads, units, name="of_memory")
            self.after_memory = keras.layers.LayerNormalization(epsilon=1e-6, name="after_memory")
        self.wide = keras.layers.Dense(feed_forward, activation="relu", name="wide")
        self.narrow = keras.layers.Dense(units, name="narrow")
        self.after = keras.layers.LayerNormalization(epsilon=1e-6, name="after")
        self.dropout = keras.layers.Dropout(dropout)

    def call(
        self,
        outputs: tf.Tensor,
        keys: tf.Tensor,
        values: tf.Tensor,
        allowed: tf.Tensor,
        memory: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return outputs [B, T, units], and in the decoder the attention to the memory, [B, heads, T, S].

        `keys`, `values` and `allowed` are those of self-attention, `memory` those of the other.
        """
        found, weights = self.of_self(outputs, keys, values, allowed)
        outputs = self.after_self(outputs + self.dropout(found, training=training))
        if memory is not None:
            found, weights = self.of_memory(outputs, *memory)
            outputs = self.after_memory(outputs + self.dropout(found, training=training))
        found = self.narrow(self.wide(outputs))
        return self.after(outputs + self.dropout(found, training=training)), weights


class Transformer(Translator):
    """Encoder and decoder of attention alone; the attention that it shows is the mean of the last layer's heads."""

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        units: int = 128,
        layers: int = 4,
        heads: int = 4,
        feed_forward: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.units = units
        spread = keras.initializers.RandomNormal(stddev=units**-0.5)
        self.source_embedding = keras.layers.Embedding(source_size, units, embeddings_initializer=spread)
        self.target_embedding = keras.layers.Embedding(target_size, units, embeddings_initializer=spread)
        self.encoder = [Block(units, heads, feed_forward, dropout, decodes=False) for _ in range(layers)]
        self.decoder = [Block(units, heads, feed_forward, dropout, decodes=True) for _ in range(layers)]
        self.dropout = keras.layers.Dropout(dropout)

    def _embed(self, layer: keras.layers.Embedding, ids: tf.Tensor, start: Any, training: bool) -> tf.Tensor:
        scaled = layer(ids) * self.units**0.5
        return self.dropout(scaled + positions(start, tf.shape(ids)[1], self.units), training=training)

    def encode(self, source: tf.Tensor, training: bool = False) -> State:
        """Return for each layer of the decoder keys and values [B, S, units], and the mask [B, S]."""
        mask = source != PAD
        allowed = mask[:, tf.newaxis, tf.newaxis, :]
        outputs = self._embed(self.source_embedding, source, 0, training)
        for block in self.encoder:
            keys, values = block.of_self.keys_and_values(outputs)
            outputs, _ = block(outputs, keys, values, allowed, training=training)
        return {"layers": [block.of_memory.keys_and_values(outputs) for block in self.decoder], "mask": mask}

    def decode(self, memory: State, target: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Return logits [B, T, V] of the tokens that follow each one of target ids [B, T], and attention [B, T, S]."""
        steps = tf.range(tf.shape(target)[1])
        earlier = steps[tf.newaxis, :] <= steps[:, tf.newaxis]
        outputs = self._embed(self.target_embedding, target, 0, training)
        seen = memory["mask"][:, tf.newaxis, tf.newaxis, :]
        for block, (keys, values) in zip(self.decoder, memory["layers"], strict=True):
            own = block.of_self.keys_and_values(outputs)
            outputs, weights = block(outputs, *own, earlier, memory=(keys, values, seen), training=training)
        return self._scores(outputs), tf.reduce_mean(weights, axis=1)

    def start(self, memory: State) -> State:
        """Return no keys and values of earlier tokens, for each layer."""
        rows = tf.shape(memory["mask"])[0]
        nothing = tf.zeros([rows, 0, self.units])
        return [[nothing, nothing] for _ in self.decoder]

    def step(self, memory: State, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [N, V] of what follows the tokens int32 [N], and the next state."""
        place = tf.shape(state[0][0])[1]
        outputs = self._embed(self.target_embedding, tokens[:, tf.newaxis], place, training=False)
        seen, after = memory["mask"][:, tf.newaxis, tf.newaxis, :], []
        everything = tf.ones([1, 1, 1, 1], tf.bool)
        for block, (keys, values), earlier in zip(self.decoder, memory["layers"], state, strict=True):
            new = block.of_self.keys_and_values(outputs)
            own = [tf.concat(pair, 1) for pair in zip(earlier, new, strict=True)]
            outputs, _ = block(outputs, *own, everything, memory=(keys, values, seen))
            after.append(own)
        return self._scores(outputs)[:, 0], after

    def _scores(self, outputs: tf.Tensor) -> tf.Tensor:
        table = self.target_embedding.embeddings
        return tf.einsum("btd,vd->btv", outputs, tf.convert_to_tensor(table))


def from_config(source_size: int, target_size: int, settings: Any) -> Transformer:
    """Return the network of the `model` section, untrained."""
    return Transformer(
        source_size,
        target_size,
        units=settings.units,
        layers=settings.layers,
        heads=settings.heads,
        feed_forward=settings.feed_forward or 4 * settings.units,
        dropout=settings.dropout,
    )
