"""Transformed examples of images as batches for Keras: decoded once where they fit into memory, else in each epoch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.common import input_data, labels
from trainer_modules.image_classifier_config import Augmentation
from trainer_modules.images import augmentation as augmenting
from trainer_modules.images.decoding import Form, decode_batch, scaled

IMAGE = "image_xf"
SIZES = ("height_xf", "width_xf", "channels_xf")
_PARSE_BATCH = 64
_DECODE_BATCH = 16
_FILES_AT_ONCE = 16


@dataclass(frozen=True)
class Index:
    """What is known of a split before an image is decoded.

    `labels` int64 [N] of the labelled examples; `sizes` int64 [N, 3] (height, width, channels) or None where the
    examples do not tell; `record_bytes` the mean size of an example.
    """

    files: list[str]
    label_key: str
    labels: np.ndarray
    sizes: np.ndarray | None
    record_bytes: float


def read_index(patterns: Sequence[str], transform: tft.TFTransformOutput, label_key: str) -> Index:
    """Read the labels and sizes of a split; examples without a label are left out.

    Raises BadInput for a class that the training data lacks.
    """
    files = input_data.files(patterns)
    known = transform.transformed_feature_spec()
    has_sizes = all(name in known for name in SIZES)
    spec = {name: known[name] for name in (label_key, *(SIZES if has_sizes else ()))}
    found_labels, found_sizes = [np.zeros([0], np.int64)], [np.zeros([0, 3], np.int64)]
    total = rows = 0
    for block in _records(files).batch(_PARSE_BATCH).prefetch(tf.data.AUTOTUNE):
        parsed = {name: value.numpy() for name, value in tf.io.parse_example(block, spec).items()}
        labelled = parsed[label_key] != labels.MISSING
        found_labels.append(parsed[label_key][labelled])
        if has_sizes:
            found_sizes.append(np.stack([parsed[name][labelled] for name in SIZES], axis=1))
        total += int(tf.reduce_sum(tf.strings.length(block)))
        rows += len(labelled)
    joined = np.concatenate(found_labels)
    input_data.require_known_classes(joined, label_key)
    sizes = np.concatenate(found_sizes) if has_sizes else None
    logging.info("found %d labelled images in %d files", len(joined), len(files))
    return Index(files, label_key, joined, sizes, total / max(rows, 1))


@dataclass(frozen=True)
class Images:
    """One split: labels, and decoded images uint8 [N, H, W, C] unless they are too large for the cache."""

    index: Index
    form: Form
    augmentation: Augmentation
    pixels: tf.Tensor | None
    shuffle_buffer: int

    @property
    def labels(self) -> np.ndarray:
        """Class indices, int64 [N]."""
        return self.index.labels

    @property
    def count(self) -> int:
        """Number of labelled images."""
        return len(self.index.labels)

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled, augmented batches without end: float32 [B, H, W, C] in 0..1 and int64 [B].

        The same seed gives the same batches, from memory or from files; `skip_steps` leaves out the first ones, so that a
        resumed training sees what it would have seen.
        """
        size = min(batch_size, self.count)
        first = skip_steps * size
        epochs = tf.data.Dataset.counter(first // self.count)
        if self.pixels is None:
            rows = epochs.flat_map(lambda epoch: self._shuffled(seed, epoch)).skip(first % self.count)
            batches = self._decoded(rows, size, drop_remainder=True)
        else:
            order = epochs.flat_map(lambda epoch: self._shuffled_rows(seed, epoch)).skip(first % self.count)
            batches = order.batch(size, drop_remainder=True).map(self._rows, num_parallel_calls=1)

        def prepare(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            pixels, label = batch
            return augmenting.augment(scaled(pixels), self.augmentation, seed, step), label

        steps = tf.data.Dataset.counter(skip_steps)
        return (
            tf.data.Dataset.zip(steps, batches)
            .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .prefetch(tf.data.AUTOTUNE)
        )

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every image once, in order and as it is: float32 [B, H, W, C] in 0..1 and int64 [B]."""
        if self.pixels is None:
            batches = self._decoded(self._labelled(_records(self.index.files)), batch_size)
        else:
            batches = tf.data.Dataset.range(self.count).batch(batch_size).map(self._rows)
        return batches.map(lambda pixels, label: (scaled(pixels), label)).prefetch(tf.data.AUTOTUNE)

    def _rows(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(self.pixels, index), tf.gather(self.labels, index)

    def _shuffled_rows(self, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(self.count), seed=[seed, epoch])
        return tf.data.Dataset.from_tensor_slices(order)

    def _shuffled(self, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
        files = tf.random.experimental.stateless_shuffle(tf.constant(self.index.files), seed=[seed, epoch])
        records = tf.data.Dataset.from_tensor_slices(files).interleave(
            input_data.records,
            cycle_length=_FILES_AT_ONCE,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        rows = self._labelled(records)
        # Of the graph of this function alone: beside a global seed of 0, a seed that is a tensor is refused.
        tf.random.set_seed(seed or 1)
        return rows.shuffle(self.shuffle_buffer, seed=tf.constant(seed, tf.int64) + epoch)

    def _labelled(self, records: tf.data.Dataset) -> tf.data.Dataset:
        """Encoded images and labels, one by one."""
        key = self.index.label_key
        spec = {IMAGE: tf.io.FixedLenFeature([], tf.string), key: tf.io.FixedLenFeature([], tf.int64)}

        def parse(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = tf.io.parse_example(block, spec)
            known = tf.not_equal(features[key], labels.MISSING)
            return tf.boolean_mask(features[IMAGE], known), tf.boolean_mask(features[key], known)

        return records.batch(_PARSE_BATCH).map(parse, num_parallel_calls=1).unbatch()

    def _decoded(self, rows: tf.data.Dataset, size: int, drop_remainder: bool = False) -> tf.data.Dataset:
        # A call of TensorFlow's for each image would cost more than to decode a small one.
        return rows.batch(size, drop_remainder=drop_remainder).map(
            lambda encoded, label: (decode_batch(encoded, self.form), label),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )


def load(index: Index, form: Form, augmentation: Augmentation, cache_bytes: int) -> Images:
    """Return the images of an index, decoded into memory when they fit into `cache_bytes`."""
    count = len(index.labels)
    buffer = int(min(count, max(1000, cache_bytes / max(index.record_bytes, 1))))
    streamed = Images(index, form, augmentation, None, max(buffer, 1))
    if count * form.bytes > cache_bytes:
        logging.info("%d images are decoded anew in each epoch: they are more than training.cache_mb", count)
        return streamed
    pixels = np.zeros([count, *form.shape], np.uint8)
    row = 0
    rows = streamed._labelled(_records(index.files))
    for block, _ in streamed._decoded(rows, _DECODE_BATCH).as_numpy_iterator():
        pixels[row : row + len(block)] = block
        row += len(block)
    return Images(index, form, augmentation, tf.convert_to_tensor(pixels), max(buffer, 1))


def form_of(index: Index, size: Sequence[int] | None, channels: int | None, resize: str, pad: int) -> Form:
    """Return the form that is asked for; what is left open is that of the images.

    Raises BadInput when the images differ in size and none is asked for.
    """
    if index.sizes is None and (size is None or channels is None):
        raise BadInput(
            "the examples have no height, width and channels: set trainer.model.image.size and channels"
        )
    if size is None:
        assert index.sizes is not None
        found = np.unique(index.sizes[:, :2], axis=0)
        if len(found) > 1:
            (low, high) = (" x ".join(map(str, one)) for one in (found[0], found[-1]))
            raise BadInput(
                f"the images of the train split have {len(found)} sizes ({low} to {high}): set trainer.model.image.size "
                "to [height, width]"
            )
        size = found[0].tolist()
    if channels is None:
        assert index.sizes is not None
        channels = 1 if (index.sizes[:, 2] <= 2).all() else 3
    return Form(size[0], size[1], channels, resize, pad)


def _records(files: Sequence[str]) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(list(files) or tf.constant([], tf.string)).flat_map(
        input_data.records
    )
