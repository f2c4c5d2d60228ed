"""Texts as token ids in memory, and batches of texts of similar length."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import input_data, labels

Tensors = dict[str, tf.Tensor]

_POOL = 50
"""Batches whose rows are drawn together and then sorted by length: more waste less on padding, and mix less."""
_PARSE_BATCH = 1024


def truncated(ids: tf.RaggedTensor, max_tokens: int, keep: str = "first") -> tf.RaggedTensor:
    """Return the `first` or `last` max_tokens ids of every row."""
    return ids[:, :max_tokens] if keep == "first" else ids[:, -max_tokens:]


def padded(ids: tf.RaggedTensor) -> tf.Tensor:
    """Return int32 [B, T] with 0 after the last id of a row; T is that of the longest row, and at least 1."""
    width = tf.maximum(tf.cast(ids.bounding_shape(axis=1), tf.int32), 1)
    return ids.to_tensor(shape=tf.stack([-1, width]))


def epoch_of_batches(lengths: tf.Tensor, batch_size: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Return row numbers [batches, batch_size] of one epoch: rows of a batch are of similar length.

    Rows are shuffled, sorted by length within pools of 50 batches, cut into batches, and these are shuffled. The last
    rows of the shuffle that fill no batch are left out: others in every epoch. The same seed gives the same batches.
    """
    rows = tf.size(lengths)
    order = tf.random.experimental.stateless_shuffle(tf.range(rows), seed=[seed, epoch])
    order = order[: rows // batch_size * batch_size]
    pool = tf.range(tf.size(order)) // (_POOL * batch_size)
    # Ties stay as they were drawn.
    key = tf.cast(pool, tf.int64) * tf.int32.max + tf.cast(tf.gather(lengths, order), tf.int64)
    batches = tf.reshape(tf.gather(order, tf.argsort(key, stable=True)), [-1, batch_size])
    return tf.random.experimental.stateless_shuffle(batches, seed=[seed + 1, epoch])


def batches_of_rows(lengths: np.ndarray, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
    """Return row numbers int32 [batch_size] of the batches of all epochs, without end."""
    size = min(batch_size, len(lengths))
    known = tf.constant(lengths, tf.int32)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(epoch_of_batches(known, size, seed, epoch))

    per_epoch = len(lengths) // size
    epochs = tf.data.Dataset.counter(start=skip_steps // per_epoch, dtype=tf.int32)
    return epochs.flat_map(one_epoch).skip(skip_steps % per_epoch)


@dataclass(frozen=True)
class Texts:
    """The labelled texts of one split as token ids; keeps to `fitting.Examples`.

    `ids` int32 holds the rows one after the other, row i from `splits[i]` to `splits[i + 1]`; `labels` is int64 [N].
    """

    ids: np.ndarray
    splits: np.ndarray
    labels: np.ndarray

    @property
    def count(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, [N]."""
        return np.diff(self.splits)

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches of texts of similar length without end, exact for a training that is resumed."""
        rows = batches_of_rows(self.lengths, batch_size, seed, skip_steps)
        return rows.map(self._take(), num_parallel_calls=1).prefetch(tf.data.AUTOTUNE)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every text once, from the shortest to the longest."""
        order = np.argsort(self.lengths, kind="stable").astype(np.int32)
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return rows.map(self._take(), num_parallel_calls=1).prefetch(1)

    def _take(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        ragged = tf.RaggedTensor.from_row_splits(
            tf.constant(self.ids), tf.constant(self.splits), validate=False
        )
        classes = tf.constant(self.labels)

        def take(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return padded(tf.gather(ragged, rows)), tf.gather(classes, rows)

        return take


def serialized(patterns: Sequence[str]) -> tf.data.Dataset:
    """Return the serialized examples of the files that match, in blocks."""
    names = input_data.files(patterns)
    return (
        tf.data.Dataset.from_tensor_slices(names or tf.constant([], tf.string))
        .flat_map(input_data.records)
        .batch(_PARSE_BATCH)
    )


def column(patterns: Sequence[str], transform: tft.TFTransformOutput, key: str) -> Iterator[bytes]:
    """Return the values of one transformed string feature, one per example."""
    spec = {key: transform.transformed_feature_spec()[key]}
    blocks = serialized(patterns).map(lambda block: tf.io.parse_example(block, spec)[key])
    for values in blocks.as_numpy_iterator():
        yield from values.tolist()


def read(
    patterns: Sequence[str],
    transform: tft.TFTransformOutput,
    label_key: str,
    to_ids: Callable[[Tensors], tf.RaggedTensor],
) -> Texts:
    """Read one split and make its tokens, once for all epochs.

    `to_ids` turns a block of transformed features into ragged int32 ids. Examples without a label are left out. Raises
    BadInput for a class that the training data lacks.
    """
    spec = transform.transformed_feature_spec()

    def parse(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features = tf.io.parse_example(block, spec)
        known = tf.not_equal(features[label_key], labels.MISSING)
        ids = tf.ragged.boolean_mask(to_ids(features), known)
        return ids.flat_values, ids.row_lengths(), tf.boolean_mask(features[label_key], known)

    found_ids, found_lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
    found_labels = [np.zeros(0, np.int64)]
    blocks = serialized(patterns).map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    for ids, lengths, classes in blocks.as_numpy_iterator():
        found_ids.append(ids)
        found_lengths.append(lengths)
        found_labels.append(classes)
    joined = np.concatenate(found_labels)
    input_data.require_known_classes(joined, label_key)
    texts = Texts(np.concatenate(found_ids), np.cumsum(np.concatenate(found_lengths)), joined)
    logging.info("read %d labelled texts of %d tokens", texts.count, len(texts.ids))
    return texts
