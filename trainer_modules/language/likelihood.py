"""How probable texts are, however long: in blocks of tokens, a few rows at a time."""

from __future__ import annotations

import tensorflow as tf

from trainer_modules.language.network import LanguageNetwork, State
from trainer_modules.text.tokenizers import Tokenizer

_LOGITS = 2**25
"""Numbers that may be held at a time."""


def rows_at_once(tokens: int, size: int) -> int:
    """Return how many rows of so many tokens are scored together, where there are `size` ids."""
    return max(1, _LOGITS // (tokens * size))


def of_texts(ids: tf.RaggedTensor, end: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what the network sees and what follows each token, both int32 [B, T], padded.

    It sees START and all tokens [B, None] but the last; with `end`, the last one too, and END follows it.
    """
    start = tf.fill([ids.nrows(), 1], Tokenizer.START)
    follows = tf.concat([ids, tf.fill([ids.nrows(), 1], Tokenizer.END)], axis=1) if end else ids
    width = tf.cast(follows.bounding_shape(axis=1), tf.int32)
    seen = tf.concat([start, ids], axis=1)
    return seen.to_tensor(Tokenizer.PAD)[:, :width], follows.to_tensor(Tokenizer.PAD)


def log_likelihood(model: LanguageNetwork, seen: tf.Tensor, follows: tf.Tensor) -> tf.Tensor:
    """Return the natural log of the probability of each row of `follows` [B, T], float32 [B]; padding counts nothing."""
    rows = rows_at_once(model.context, model.size)

    def some(start: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        part = _of_rows(model, seen[start : start + rows], follows[start : start + rows])
        return start + rows, tf.concat([found, part], axis=0)

    _, found = tf.while_loop(
        lambda start, _: start < tf.shape(seen)[0],
        some,
        (tf.constant(0), tf.zeros([0])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )
    return found


def _of_rows(model: LanguageNetwork, seen: tf.Tensor, follows: tf.Tensor) -> tf.Tensor:
    rows, width = tf.unstack(tf.shape(seen))

    def block(place: tf.Tensor, total: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        begin = tf.maximum(place - model.overlap, 0)
        end = begin + model.context
        logits, state = model.block(seen[:, begin:end], state)
        tokens = follows[:, place:end]
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tokens, logits=logits[:, place - begin :]
        )
        return end, total - tf.reduce_sum(tf.where(tokens == Tokenizer.PAD, 0.0, each), axis=1), state

    begin = (tf.constant(0), tf.zeros([rows]), model.start(rows))
    return tf.while_loop(lambda place, *_: place < width, block, begin)[1]
