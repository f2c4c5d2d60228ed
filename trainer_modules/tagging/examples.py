"""Sentences with their tags in memory, and batches of sentences of similar length."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.tagging.tokens import Tokens
from trainer_modules.text import batching

NO_TAG = -1
"""What stands behind the last tag of a sentence."""


@dataclass(frozen=True)
class Sentences:
    """The tagged sentences of one split; keeps to `fitting.Examples`.

    `inputs` holds for each input of the network the rows of all tokens one after the other, `tags` int32 the same of
    their tags; sentence i goes from `splits[i]` to `splits[i + 1]`.
    """

    inputs: dict[str, np.ndarray]
    tags: np.ndarray
    splits: np.ndarray

    @property
    def count(self) -> int:
        return len(self.splits) - 1

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches of sentences of similar length without end, exact for a training that is resumed."""
        rows = batching.batches_of_rows(np.diff(self.splits), batch_size, seed, skip_steps)
        return self._taken(rows).prefetch(tf.data.AUTOTUNE)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every sentence once, from the shortest to the longest."""
        order = np.argsort(np.diff(self.splits), kind="stable").astype(np.int32)
        return self._taken(tf.data.Dataset.from_tensor_slices(order).batch(batch_size)).prefetch(1)

    def _taken(self, rows: tf.data.Dataset) -> tf.data.Dataset:
        def ragged(values: np.ndarray) -> tf.RaggedTensor:
            return tf.RaggedTensor.from_row_splits(
                tf.constant(values), tf.constant(self.splits), validate=False
            )

        inputs, tags = {name: ragged(values) for name, values in self.inputs.items()}, ragged(self.tags)

        def take(chosen: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            fed = {name: tf.gather(values, chosen).to_tensor() for name, values in inputs.items()}
            return fed, tf.gather(tags, chosen).to_tensor(NO_TAG)

        return rows.map(take, num_parallel_calls=1)


def read(
    patterns: Sequence[str], transform: tft.TFTransformOutput, tokens: Tokens, label: str, tags: Sequence[str]
) -> Sentences:
    """Read one split. Sentences without a token are left out, and those with a tag that is not among `tags`.

    Raises BadInput for a sentence that has not as many tags as tokens.
    """
    spec = transform.transformed_feature_spec()
    column, label_key = f"{tokens.column}_xf", f"{label}_xf"
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(list(tags)), tf.range(len(tags))), NO_TAG
    )

    def parse(block: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor]:
        found = tf.io.parse_example(block, {name: spec[name] for name in (column, label_key)})
        words, answers = (tf.RaggedTensor.from_sparse(found[name]) for name in (column, label_key))
        return (
            tokens.of(words.flat_values),
            table.lookup(answers.flat_values),
            words.row_lengths(),
            answers.row_lengths(),
        )

    blocks = [*batching.serialized(patterns).map(parse).as_numpy_iterator()]
    empty = {name: values.numpy() for name, values in tokens.of(tf.constant([], tf.string)).items()}
    inputs = {
        name: np.concatenate([none, *(block[0][name] for block in blocks)]) for name, none in empty.items()
    }
    indices = np.concatenate([np.zeros(0, np.int32), *(block[1] for block in blocks)])
    lengths, answered = (
        np.concatenate([np.zeros(0, np.int64), *(block[n] for block in blocks)]) for n in (2, 3)
    )
    wrong = np.flatnonzero(lengths != answered)
    if len(wrong):
        raise BadInput(
            f"{label}: a sentence has {lengths[wrong[0]]} tokens and {answered[wrong[0]]} tags: give each token a tag"
        )
    splits = np.concatenate([[0], np.cumsum(lengths)])
    known = np.logical_and.reduceat(np.append(indices >= 0, True), splits[:-1]) if len(lengths) else lengths
    kept = (lengths > 0) & known.astype(bool)
    if not np.all(known):
        logging.warning("%d sentences are left out: train has no such tag", int(np.sum(~known.astype(bool))))
    of_token = np.repeat(kept, lengths)
    return Sentences(
        {name: values[of_token] for name, values in inputs.items()},
        indices[of_token],
        np.concatenate([[0], np.cumsum(lengths[kept])]),
    )
