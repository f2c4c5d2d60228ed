"""One next token out of the logits of all."""

from __future__ import annotations

import tensorflow as tf

from trainer_modules.text.tokenizers import Tokenizer

NEVER_SAID = (Tokenizer.PAD, Tokenizer.UNK, Tokenizer.START)


def draws(seed: tf.Tensor, place: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Return random numbers in [0, 1), float32 [B, count]; each depends on the row's seed and its own place alone.

    `seed` and `place`, that of the first number, are int32 [B]: the same place has the same number, whichever call asks.
    """
    rows = tf.size(seed)
    places = place[:, tf.newaxis] + tf.range(count)
    seeds = tf.broadcast_to(seed[:, tf.newaxis], [rows, count])
    pairs = tf.reshape(tf.stack([seeds, places], axis=-1), [-1, 2])
    numbers = tf.map_fn(
        lambda pair: tf.random.stateless_uniform([], pair), pairs, fn_output_signature=tf.float32
    )
    return tf.reshape(numbers, [rows, count])


def choose(
    logits: tf.Tensor, temperature: tf.Tensor, top_k: tf.Tensor, draw: tf.Tensor, may_end: bool
) -> tf.Tensor:
    """Return one token of each row of logits [B, V], int32 [B]: never PAD, UNK or START, END only with `may_end`.

    `temperature` float32 [B] divides the logits, 0 takes the most probable token; `top_k` int32 [B] leaves so many of
    the most probable ones, 0 or less all; `draw` float32 [B] in [0, 1) decides.
    """
    silent = NEVER_SAID if may_end else (*NEVER_SAID, Tokenizer.END)
    size = tf.shape(logits)[1]
    ids = tf.range(size)
    forbidden = tf.reduce_any(ids[:, tf.newaxis] == tf.constant(silent), axis=1)
    values, tokens = tf.math.top_k(tf.where(forbidden, logits.dtype.min, logits), size)
    said = size - len(silent)
    kept = tf.where(top_k > 0, tf.minimum(top_k, said), said)
    distance = values - values[:, :1]
    weights = tf.exp(distance / tf.maximum(temperature, 1e-30)[:, tf.newaxis])
    sums = tf.cumsum(tf.where(ids < kept[:, tf.newaxis], weights, 0.0), axis=1)
    passed = tf.reduce_sum(tf.cast(sums <= draw[:, tf.newaxis] * sums[:, -1:], tf.int32), axis=1)
    rank = tf.where(temperature > 0, tf.minimum(passed, kept - 1), 0)
    return tf.gather(tokens, rank, batch_dims=1)
