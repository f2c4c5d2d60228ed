"""A decoder-only Transformer: each token looks at itself and what came before it.

Sources: A. Vaswani et al., "Attention is all you need" (2017); A. Radford et al., "Language models are unsupervised
multitask learners" (2019), section 2.3: normalised before each part (pre-norm), GELU, learned positions.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer_modules.language.network import LanguageNetwork, State
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.translation.attention import MultiHeadAttention
from trainer_modules.translation.transformer import positions


class Block(keras.layers.Layer):
    """Self-attention and a feed-forward network; the input of each is normalised, its output dropped out and added."""

    def __init__(self, units: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = keras.layers.LayerNormalization(epsilon=1e-6, name="before_attention")
        self.attention = MultiHeadAttention(heads, units, name="attention")
        self.before_wide = keras.layers.LayerNormalization(epsilon=1e-6, name="before_wide")
        self.wide = keras.layers.Dense(feed_forward, activation="gelu", name="wide")
        self.narrow = keras.layers.Dense(units, name="narrow")
        self.dropout = keras.layers.Dropout(dropout)

    def keys_and_values(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what later tokens look at, of inputs [B, T, units]: both [B, T, units]."""
        return self.attention.keys_and_values(self.before_attention(inputs))

    def call(
        self,
        inputs: tf.Tensor,
        keys: tf.Tensor,
        values: tf.Tensor,
        allowed: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Return outputs [B, T, units]; `allowed` bool is broadcast to [B, 1, T, S]."""
        found, _ = self.attention(self.before_attention(inputs), keys, values, allowed)
        outputs = inputs + self.dropout(found, training=training)
        found = self.narrow(self.wide(self.before_wide(outputs)))
        return outputs + self.dropout(found, training=training)


class Decoder(LanguageNetwork):
    """Blocks over embedded tokens and their positions.

    It sees `context` tokens at most. When they are full, the first half is forgotten and the second half read again from
    position 0: a token is predicted from at least half a context, and each is read twice at most. Generation and the
    likelihood of long texts do the same, so that they agree.

    A state is the tokens of the context int32 [B, context], their count [B], and keys and values of each block, which
    are computed once.
    """

    def __init__(
        self,
        size: int,
        *,
        units: int,
        layers: int,
        heads: int,
        feed_forward: int,
        learned_positions: bool,
        dropout: float,
        context: int,
    ) -> None:
        super().__init__()
        self.size, self.units, self.context, self.overlap = size, units, context, context // 2
        narrow = keras.initializers.RandomNormal(stddev=0.02)
        self.embedding = keras.layers.Embedding(size, units, embeddings_initializer=narrow)
        self.places = (
            keras.layers.Embedding(context, units, embeddings_initializer=narrow)
            if learned_positions
            else None
        )
        self.blocks = [Block(units, heads, feed_forward, dropout) for _ in range(layers)]
        self.last = keras.layers.LayerNormalization(epsilon=1e-6)
        self.scores = keras.layers.Dense(size)
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return logits [B, T, V]; T is at most `context`."""
        outputs, _ = self._run(tokens, training)
        return self.scores(self.last(outputs))

    def start(self, rows: tf.Tensor) -> State:
        """Return an empty context."""
        return self._filled(tf.fill([rows, self.context], Tokenizer.PAD), tf.zeros([rows], tf.int32))

    def block(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, T, V]; what came before must stand in the block, so that the state stays."""
        return self(tokens), state

    def read(self, tokens: tf.Tensor, lengths: tf.Tensor) -> State:
        """Return the context after the first `lengths` tokens of each row."""
        fresh = self.context - self.overlap
        beyond = self.overlap + 1 + tf.math.floormod(lengths - self.context - 1, fresh)
        count = tf.where(lengths > self.context, beyond, lengths)
        column = tf.range(self.context)
        index = (lengths - count)[:, tf.newaxis] + column
        found = tf.gather(tokens, tf.minimum(index, tf.shape(tokens)[1] - 1), batch_dims=1)
        return self._filled(tf.where(column < count[:, tf.newaxis], found, Tokenizer.PAD), count)

    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Return logits [B, V] of what follows the tokens int32 [B], and the next state."""
        full = state["count"] == self.context
        state = tf.cond(tf.reduce_any(full), lambda: self._slid(state, full), lambda: state)
        place = state["count"]
        rows = tf.range(tf.size(tokens))
        here = tf.stack([rows, place], axis=1)
        outputs = (self.embedding(tokens) + tf.gather(self._positions(self.context), place))[:, tf.newaxis]
        seen = (tf.range(self.context) <= place[:, tf.newaxis])[:, tf.newaxis, tf.newaxis]
        layers = []
        for block, earlier in zip(self.blocks, state["layers"], strict=True):
            new = block.keys_and_values(outputs)
            keys, values = (
                tf.tensor_scatter_nd_update(before, here, now[:, 0])
                for before, now in zip(earlier, new, strict=True)
            )
            outputs = block(outputs, keys, values, seen)
            layers.append([keys, values])
        context = tf.tensor_scatter_nd_update(state["tokens"], here, tokens)
        after = {"tokens": context, "count": place + 1, "layers": layers}
        return self.scores(self.last(outputs))[:, 0], after

    def packed(self, state: State) -> tf.Tensor:
        """Return the tokens of the context and their count, int32 [B, context + 1]."""
        return tf.concat([state["tokens"], state["count"][:, tf.newaxis]], axis=1)

    def unpacked(self, packed: tf.Tensor) -> State:
        """Return the state that `packed` made a tensor of; keys and values are computed anew."""
        return self._filled(packed[:, :-1], packed[:, -1])

    def packed_spec(self) -> tf.TensorSpec:
        """Return shape and dtype of a packed state."""
        return tf.TensorSpec([None, self.context + 1], tf.int32)

    def _run(self, tokens: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, list[list[tf.Tensor]]]:
        """Outputs [B, T, units], and keys and values of each block."""
        steps = tf.range(tf.shape(tokens)[1])
        earlier = steps[tf.newaxis, :] <= steps[:, tf.newaxis]
        outputs = self.embedding(tokens) + self._positions(tf.shape(tokens)[1])
        outputs, layers = self.dropout(outputs, training=training), []
        for block in self.blocks:
            layers.append(list(block.keys_and_values(outputs)))
            outputs = block(outputs, *layers[-1], earlier, training=training)
        return outputs, layers

    def _positions(self, count: Any) -> tf.Tensor:
        if self.places is None:
            return positions(0, count, self.units)
        return self.places(tf.range(count))

    def _filled(self, tokens: tf.Tensor, count: tf.Tensor) -> State:
        return {"tokens": tokens, "count": count, "layers": self._run(tokens)[1]}

    def _slid(self, state: State, full: tf.Tensor) -> State:
        second_half = tf.pad(state["tokens"][:, -self.overlap :], [[0, 0], [0, self.context - self.overlap]])
        tokens = tf.where(full[:, tf.newaxis], second_half, state["tokens"])
        return self._filled(tokens, tf.where(full, self.overlap, state["count"]))


def from_config(size: int, settings: Any) -> Decoder:
    """Return the network of the `model` section for so many ids, untrained."""
    return Decoder(
        size,
        units=settings.units,
        layers=settings.layers,
        heads=settings.heads,
        feed_forward=settings.feed_forward or 4 * settings.units,
        learned_positions=settings.positions == "learned",
        dropout=settings.dropout,
        context=settings.max_tokens,
    )
