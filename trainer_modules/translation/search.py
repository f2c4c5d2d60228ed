"""Greedy and beam search in the graph, for a whole batch at once.

Source of the length normalisation: Y. Wu et al., "Google's neural machine translation system" (2016), section 7: the
score of a translation of n tokens is log P / lp(n) with lp(n) = ((5 + n) / 6) ** penalty.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from trainer_modules.translation.translator import END, PAD, START, UNK, State, Translator

_IMPOSSIBLE = -1e9
_NEVER_SAID = (PAD, UNK, START)


class Found(NamedTuple):
    """The best translation of each source.

    `tokens` int32 [B, T], END at the end of each and PAD after it; `log_likelihood` float32 [B], natural log of its
    probability, END's too; `length` int32 [B], END too.
    """

    tokens: tf.Tensor
    log_likelihood: tf.Tensor
    length: tf.Tensor


def length_factor(length: Any, penalty: Any) -> tf.Tensor:
    """Return lp(n), by which a log-likelihood is divided; 1 for penalty 0."""
    return ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** penalty


def score(log_likelihood: Any, length: Any, penalty: Any) -> tf.Tensor:
    """Return what beam search maximises: the log-likelihood divided by lp(length)."""
    return log_likelihood / length_factor(length, penalty)


def next_log_probabilities(logits: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Return log P of each next token, [N, V]; PAD, UNK and START are impossible, at the last place all but END are.

    Nothing is added to the others for what is impossible, so that the sums are those of the model itself.
    """
    size = tf.shape(logits)[-1]
    ids = tf.range(size)
    silent = tf.reduce_any(ids[:, tf.newaxis] == tf.constant(_NEVER_SAID), axis=1) | (last & (ids != END))
    return tf.where(silent, _IMPOSSIBLE, tf.nn.log_softmax(logits))


def follow(model: Translator, memory: State, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the log-likelihood of target ids [B, T], each row up to its padding, and the number of its tokens.

    Both are float32 [B]. It goes step by step: the logits of all tokens at once would fill the memory in a large batch.
    """
    tokens = tf.concat([tf.fill([tf.shape(target)[0], 1], START), target], axis=1)

    def go(place: tf.Tensor, total: tf.Tensor, state: State) -> tuple[Any, ...]:
        logits, state = model.step(memory, tokens[:, place], state)
        said = tokens[:, place + 1]
        each = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=said, logits=logits)
        return place + 1, total + tf.where(said == PAD, 0.0, each), state

    begin = (tf.constant(0), tf.zeros([tf.shape(target)[0]]), model.start(memory))
    steps = tf.shape(target)[1]
    _, total, _ = tf.while_loop(lambda place, *_: place < steps, go, begin, shape_invariants=_growing(begin))
    return total, tf.cast(_length(target), tf.float32)


def greedy(model: Translator, memory: State, limit: int) -> Found:
    """Take the most probable token each time, until all sentences have ended or have `limit` tokens."""
    rows = _rows(memory)

    def going_on(place: tf.Tensor, tokens: tf.Tensor, *rest: Any) -> tf.Tensor:
        return (place < limit) & ~tf.reduce_all(_ended(tokens))

    def go(place: tf.Tensor, tokens: tf.Tensor, total: tf.Tensor, state: State) -> tuple[Any, ...]:
        logits, state = model.step(memory, tokens[:, -1], state)
        each = next_log_probabilities(logits, place == limit - 1)
        ended = _ended(tokens)
        chosen = tf.where(ended, PAD, tf.argmax(each, axis=1, output_type=tf.int32))
        total += tf.where(ended, 0.0, tf.reduce_max(each, axis=1))
        return place + 1, tf.concat([tokens, chosen[:, tf.newaxis]], 1), total, state

    begin = (tf.constant(0), tf.fill([rows, 1], START), tf.zeros([rows]), model.start(memory))
    _, tokens, total, _ = tf.while_loop(going_on, go, begin, shape_invariants=_growing(begin))
    return Found(tokens[:, 1:], total, _length(tokens[:, 1:]))


def beam(model: Translator, memory: State, limit: int, width: Any, penalty: Any = 0.0) -> Found:
    """Keep the `width` best beginnings of each sentence, ended ones among them; stop when none can become better.

    They are compared by `score`. With width 1 this is greedy search. `penalty` must not be negative.
    """
    rows = _rows(memory)
    memory = tf.nest.map_structure(lambda tensor: tf.repeat(tensor, width, axis=0), memory)
    first = tf.where(tf.range(width) == 0, 0.0, _IMPOSSIBLE)
    best_factor = length_factor(limit, penalty)

    def going_on(place: tf.Tensor, tokens: tf.Tensor, total: tf.Tensor, state: State) -> tf.Tensor:
        ended = tf.reshape(_ended(tokens), [rows, width])
        # What is added to a sum is negative: at best nothing is, and the sentence is the longest there may be.
        hope = tf.reduce_max(tf.where(ended, 2 * _IMPOSSIBLE, total / best_factor), axis=1)
        length = tf.reshape(_length(tokens[:, 1:]), [rows, width])
        best = tf.reduce_max(tf.where(ended, score(total, length, penalty), 3 * _IMPOSSIBLE), axis=1)
        return (place < limit) & tf.reduce_any(hope > best)

    def go(place: tf.Tensor, tokens: tf.Tensor, total: tf.Tensor, state: State) -> tuple[Any, ...]:
        logits, state = model.step(memory, tokens[:, -1], state)
        each = next_log_probabilities(logits, place == limit - 1)
        size = tf.shape(each)[1]
        ended = _ended(tokens)
        # An ended sentence goes on as itself.
        only_padding = tf.where(tf.range(size) == PAD, 0.0, 2 * _IMPOSSIBLE)
        each = tf.where(ended[:, tf.newaxis], only_padding, each)
        sums = tf.reshape(total, [-1, 1]) + each
        length = _length(tokens[:, 1:]) + tf.where(ended, 0, 1)
        scores = sums / length_factor(length, penalty)[:, tf.newaxis]
        # A beginning is followed by at most `width` of its own tokens: so few sort much faster than all.
        few = tf.minimum(width, size)
        top, said = tf.math.top_k(scores, few)
        _, index = tf.math.top_k(tf.reshape(top, [rows, width * few]), width)
        chosen = tf.reshape(tf.gather(tf.reshape(said, [rows, width * few]), index, batch_dims=1), [-1])
        parent = tf.reshape(tf.range(rows)[:, tf.newaxis] * width + index // few, [-1])
        total = tf.reshape(tf.gather_nd(sums, tf.stack([parent, chosen], axis=1)), [rows, width])
        tokens = tf.concat([tf.gather(tokens, parent), chosen[:, tf.newaxis]], 1)
        state = tf.nest.map_structure(lambda tensor: tf.gather(tensor, parent), state)
        return place + 1, tokens, total, state

    begin = (
        tf.constant(0),
        tf.fill([rows * width, 1], START),
        tf.tile(first[tf.newaxis], [rows, 1]),
        model.start(memory),
    )
    _, tokens, total, _ = tf.while_loop(going_on, go, begin, shape_invariants=_growing(begin))
    tokens = tf.reshape(tokens[:, 1:], [rows, width, tf.shape(tokens)[1] - 1])
    length = _length(tokens)
    ended = tf.reduce_any(tokens == END, axis=2)
    best = tf.argmax(tf.where(ended, score(total, length, penalty), 3 * _IMPOSSIBLE), axis=1)
    found = Found(*(tf.gather(tensor, best, batch_dims=1) for tensor in (tokens, total, length)))
    return found._replace(tokens=found.tokens[:, : tf.reduce_max(found.length)])


def _rows(memory: State) -> tf.Tensor:
    return tf.shape(tf.nest.flatten(memory)[0])[0]


def _ended(tokens: tf.Tensor) -> tf.Tensor:
    return (tokens[:, -1] == END) | (tokens[:, -1] == PAD)


def _length(tokens: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tokens != PAD, tf.int32), axis=-1)


def _growing(begin: Any) -> Any:
    """The shapes of loop variables: each dimension may grow but the last one of float tensors, their units."""

    def shape(tensor: tf.Tensor) -> tf.TensorShape:
        rank = tensor.shape.rank
        fixed = tensor.shape[-1] if tensor.dtype.is_floating and rank >= 2 else None
        return tf.TensorShape([*[None] * (rank - 1), fixed]) if rank else tensor.shape

    return tf.nest.map_structure(shape, begin)
