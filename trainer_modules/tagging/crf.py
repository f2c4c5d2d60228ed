"""A conditional random field over a chain of tags: likelihood of a sequence, and the best one.

Source: J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields" (2001); the recursions in C. Sutton,
A. McCallum, "An introduction to conditional random fields" (2012), section 4.1.
"""

from __future__ import annotations

import tensorflow as tf

FORBIDDEN = -1e4
"""The score of a step that may not be: far below what a network answers, and finite, so that gradients are."""


def log_likelihood(
    scores: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor, steps: tf.Tensor
) -> tf.Tensor:
    """Return the log likelihood of each sequence of tags, float32 [B].

    scores float32 [B, T, K], tags int32 [B, T] (any where padded), lengths int32 [B] of at least 1, start [K] and
    steps [K, K] (from a tag to the next).
    """
    return score(scores, tags, lengths, start, steps) - log_partition(scores, lengths, start, steps)


def score(
    scores: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor, steps: tf.Tensor
) -> tf.Tensor:
    """Return the sum of the scores along each sequence of tags, float32 [B]."""
    real = tf.sequence_mask(lengths, tf.shape(scores)[1], scores.dtype)
    of_tokens = tf.reduce_sum(tf.gather(scores, tags, batch_dims=2) * real, axis=1)
    of_steps = tf.gather_nd(steps, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1)) * real[:, 1:]
    return tf.gather(start, tags[:, 0]) + of_tokens + tf.reduce_sum(of_steps, axis=1)


def log_partition(scores: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the logarithm of the sum over all sequences, by the forward recursion, float32 [B]."""

    def one(before: tf.Tensor, now: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        token, place = now
        after = tf.reduce_logsumexp(before[:, :, None] + steps[None], axis=1) + token
        return tf.where((place < lengths)[:, None], after, before)

    first = start[None] + scores[:, 0]
    rest = tf.transpose(scores[:, 1:], [1, 0, 2])
    places = tf.range(1, tf.shape(scores)[1])
    return tf.reduce_logsumexp(tf.foldl(one, (rest, places), initializer=first), axis=1)


def best(scores: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the tags of the highest score, int32 [B, T] with 0 where padded, by Viterbi's recursion."""
    width, tags = tf.shape(scores)[1], tf.shape(scores)[2]
    # One more token, which no sentence reaches: tf.scan cannot run over nothing.
    scores = tf.pad(scores, [[0, 0], [0, 1], [0, 0]])
    stay = tf.broadcast_to(tf.range(tags)[None], [tf.shape(scores)[0], tags])

    def forward(
        before: tuple[tf.Tensor, tf.Tensor], now: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        token, place = now
        ways = before[0][:, :, None] + steps[None]
        real = (place < lengths)[:, None]
        value = tf.where(real, tf.reduce_max(ways, axis=1) + token, before[0])
        return value, tf.where(real, tf.argmax(ways, axis=1, output_type=tf.int32), stay)

    first = start[None] + scores[:, 0]
    rest = (tf.transpose(scores[:, 1:], [1, 0, 2]), tf.range(1, width + 1))
    values, came_from = tf.scan(forward, rest, initializer=(first, stay))
    last = tf.argmax(values[-1], axis=1, output_type=tf.int32)

    def backward(tag: tf.Tensor, pointers: tf.Tensor) -> tf.Tensor:
        return tf.gather(pointers, tag, batch_dims=1)

    earlier = tf.scan(backward, came_from, initializer=last, reverse=True)
    found = tf.transpose(earlier)
    return tf.where(tf.sequence_mask(lengths, width), found, 0)
