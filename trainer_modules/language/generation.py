"""Generation in the graph: token after token, and from where an earlier call stopped."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from trainer_modules.language import sampling
from trainer_modules.language.network import LanguageNetwork, State
from trainer_modules.text.tokenizers import Tokenizer


class Wish(NamedTuple):
    """How each row is to go on, [B] each: so many tokens, chosen as `sampling.choose` says, at random by the seed."""

    length: tf.Tensor
    temperature: tf.Tensor
    top_k: tf.Tensor
    seed: tf.Tensor


class Point(NamedTuple):
    """Where a text stands: the state after all tokens but the last, the last one [B], and how many were made [B]."""

    state: State
    last: tf.Tensor
    place: tf.Tensor


class Made(NamedTuple):
    """Tokens int32 [B, None], the natural log of their probability [B], and where the text stands after them."""

    tokens: tf.RaggedTensor
    log_likelihood: tf.Tensor
    point: Point


def begin(model: LanguageNetwork, prompt: tf.RaggedTensor) -> Point:
    """Return where a text stands that begins with the tokens int32 [B, None] of a prompt."""
    rows = prompt.nrows(out_type=tf.int32)
    tokens = tf.concat([tf.fill([rows, 1], Tokenizer.START), prompt], axis=1)
    known = tf.cast(tokens.row_lengths(), tf.int32) - 1
    padded = tokens.to_tensor(Tokenizer.PAD)
    return Point(
        model.read(padded, known), tf.gather(padded, known, batch_dims=1), tf.zeros([rows], tf.int32)
    )


def go_on(model: LanguageNetwork, point: Point, wish: Wish, may_end: bool) -> Made:
    """Add tokens, each row its own number of them, or until END where it `may_end`.

    The probabilities are those of the model itself, whatever temperature and top_k chose. A row does not depend on the
    others, and many calls make the same as one that asks for all their tokens.
    """
    longest = tf.maximum(tf.reduce_max(wish.length), 0)
    draws = sampling.draws(wish.seed, point.place, longest)

    def add(number: tf.Tensor, point: Point, total: tf.Tensor, tokens: tf.Tensor) -> tuple[Any, ...]:
        active = (number < wish.length) & (point.last != Tokenizer.END)
        logits, after = model.step(point.last, point.state)
        chosen = sampling.choose(logits, wish.temperature, wish.top_k, draws[:, number], may_end)
        each = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=chosen, logits=logits)
        state = tf.nest.map_structure(
            lambda new, old: tf.where(_like(active, new), new, old), after, point.state
        )
        last = tf.where(active, chosen, point.last)
        place = point.place + tf.cast(active, tf.int32)
        said = tf.where(active, chosen, Tokenizer.PAD)
        tokens = tf.tensor_scatter_nd_update(tokens, [[number]], said[tf.newaxis])
        return number + 1, Point(state, last, place), total + tf.where(active, each, 0.0), tokens

    def going_on(number: tf.Tensor, point: Point, *_: Any) -> tf.Tensor:
        return tf.reduce_any((number < wish.length) & (point.last != Tokenizer.END))

    rows = tf.size(wish.length)
    nothing = tf.fill([longest, rows], Tokenizer.PAD)
    first = (tf.constant(0), point, tf.zeros([rows]), nothing)
    _, after, total, tokens = tf.while_loop(going_on, add, first, shape_invariants=_invariants(first))
    made = tf.RaggedTensor.from_tensor(tf.transpose(tokens), lengths=after.place - point.place)
    return Made(made, total, after)


def _like(rows: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """[B] as [B, 1, ...], with the rank of the tensor."""
    return tf.reshape(rows, [-1, *[1] * (tensor.shape.rank - 1)])


def _invariants(variables: Any) -> Any:
    """The shapes of loop variables: the first dimension is free."""

    def shape(tensor: tf.Tensor) -> tf.TensorShape:
        if not tensor.shape.rank:
            return tensor.shape
        return tf.TensorShape([None, *tensor.shape[1:]])

    return tf.nest.map_structure(shape, variables)
