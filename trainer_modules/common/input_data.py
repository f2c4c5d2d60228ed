"""Transformed examples as batches for Keras."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.common import labels

Features = dict[str, tf.Tensor]
Assemble = Callable[[Features], Features]

MEMORY_BYTES = 64 * 2**20
"""Compressed size up to which a split is held in memory."""
_PARSE_BATCH = 2048
_SHUFFLED_ROWS = 20_000
# A small model's step takes less time than tf.data needs to gather the rows of one batch by themselves.
_BATCHES_AT_ONCE = 32
_BATCHES_AHEAD = 8


@dataclass(frozen=True)
class Split:
    """One split of the transformed examples, without those that have no label.

    `labels` is int64 [N] (class indices) or float32 [N, outputs]. `inputs` holds the model's inputs as arrays of
    N rows, or is None when the split is too large: it is then read from its files again in each epoch. `stream`
    gives them in blocks of rows.
    """

    labels: np.ndarray
    inputs: dict[str, np.ndarray] | None
    stream: tf.data.Dataset

    @property
    def count(self) -> int:
        """Number of labelled examples."""
        return len(self.labels)

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches without end, all of `batch_size` rows; the same seed gives the same order.

        `skip_steps` leaves out the first batches, so that a resumed training goes on with the rows that it would
        have seen. A split in memory is shuffled as a whole; a streamed one, which ExampleGen wrote in random order,
        20,000 rows at a time.
        """
        size = min(batch_size, self.count)
        if self.inputs is None:
            blocks = tf.data.Dataset.counter().flat_map(lambda epoch: self._shuffled_blocks(seed, epoch))
            return blocks.rebatch(size).skip(skip_steps).prefetch(tf.data.AUTOTUNE)

        def shuffled(epoch: tf.Tensor) -> tf.Tensor:
            return tf.random.experimental.stateless_shuffle(tf.range(self.count), seed=[seed, epoch])

        order = tf.data.Dataset.counter(dtype=tf.int32).map(shuffled).rebatch(size).skip(skip_steps)
        many = order.rebatch(size * _BATCHES_AT_ONCE).map(self._rows, num_parallel_calls=1)
        return many.rebatch(size).prefetch(_BATCHES_AHEAD).with_options(_plain())

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every row once, in order."""
        if self.inputs is None:
            return self.stream.rebatch(batch_size).prefetch(tf.data.AUTOTUNE)
        rows = tf.data.Dataset.from_tensor_slices((self.inputs, self.labels))
        return rows.batch(batch_size).with_options(_plain())

    def _shuffled_blocks(self, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
        """The rows of an epoch in large blocks, each in another order: row by row, tf.data takes longer than a step."""

        def shuffled(number: tf.Tensor, block: Any) -> Any:
            rows = tf.range(tf.shape(tf.nest.flatten(block)[0])[0])
            order = tf.random.experimental.stateless_shuffle(rows, seed=tf.stack([seed + number, epoch]))
            return tf.nest.map_structure(lambda values: tf.gather(values, order), block)

        blocks = self.stream.rebatch(_SHUFFLED_ROWS).enumerate()
        return blocks.map(lambda number, block: shuffled(number, block), num_parallel_calls=tf.data.AUTOTUNE)

    def _rows(self, index: tf.Tensor) -> tuple[Features, tf.Tensor]:
        assert self.inputs is not None
        return {name: tf.gather(rows, index) for name, rows in self.inputs.items()}, tf.gather(
            self.labels, index
        )


def _plain() -> tf.data.Options:
    """Without tf.data's planning and tuning: they cost more than to hand out rows that are in memory."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def files(patterns: Sequence[str]) -> list[str]:
    """Return the files that match, sorted."""
    return sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern))


def records(name: tf.Tensor) -> tf.data.Dataset:
    """Return the serialized examples of one file, of gzip where its name ends so."""
    return tf.data.TFRecordDataset(
        name, compression_type=tf.where(tf.strings.regex_full_match(name, r".*\.gz"), "GZIP", "")
    )


def require_known_classes(classes: np.ndarray, key: str) -> None:
    """Raise BadInput where examples have a class that the analysis never saw."""
    unseen = int((classes == labels.UNSEEN).sum())
    if unseen:
        raise BadInput(
            f"{key.removesuffix('_xf')}: {unseen} examples have a class that the train split lacks: "
            "add examples of that class or leave the rows out"
        )


def read(
    patterns: Sequence[str],
    transform: tft.TFTransformOutput,
    assemble: Assemble,
    label_keys: Sequence[str],
    memory_bytes: int = MEMORY_BYTES,
) -> Split:
    """Read the transformed examples of one split.

    `assemble` turns a batch of transformed features into the model's inputs. One integer label key gives class
    indices, float keys are stacked to one column each. Raises BadInput for a class that the training data lacks.
    """
    names = files(patterns)
    spec = transform.transformed_feature_spec()
    one_class_label = spec[label_keys[0]].dtype == tf.int64

    def parse(serialized: tf.Tensor) -> tuple[Features, tf.Tensor]:
        features = tf.io.parse_example(serialized, spec)
        if one_class_label:
            label = features[label_keys[0]]
            known = tf.not_equal(label, labels.MISSING)
        else:
            label = tf.stack([features[key] for key in label_keys], axis=1)
            known = tf.reduce_all(tf.math.is_finite(label), axis=1)
        inputs = {name: tf.boolean_mask(value, known) for name, value in assemble(features).items()}
        return inputs, tf.boolean_mask(label, known)

    serialized = tf.data.Dataset.from_tensor_slices(names or tf.constant([], tf.string)).flat_map(records)
    blocks = serialized.batch(_PARSE_BATCH).map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    in_memory = sum(Path(name).stat().st_size for name in names) <= memory_bytes
    found_inputs: dict[str, list[np.ndarray]] = {name: [] for name in blocks.element_spec[0]}
    found_labels = [
        np.zeros([0, *blocks.element_spec[1].shape[1:]], blocks.element_spec[1].dtype.as_numpy_dtype)
    ]
    for inputs, label in blocks.as_numpy_iterator():
        found_labels.append(label)
        for name, value in inputs.items() if in_memory else ():
            found_inputs[name].append(value)
    joined = np.concatenate(found_labels)
    if one_class_label:
        require_known_classes(joined, label_keys[0])
    logging.info("read %d labelled examples from %d files", len(joined), len(names))
    arrays = {name: np.concatenate(parts) for name, parts in found_inputs.items() if parts}
    return Split(joined, arrays if in_memory and len(joined) else None, blocks)
