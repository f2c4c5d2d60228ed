"""The pairs that WordPairs wrote, as batches: to learn from, file after file, and to measure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from trainer_modules.common import input_data
from trainer_modules.embeddings import noise
from trainer_modules.embeddings.network import centres_at_once

_COLUMNS = {"centres": tf.int64, "contexts": tf.int64, "weights": tf.float32}


@dataclass(frozen=True)
class Learnt:
    """The pairs of the train split; keeps to `fitting.Learnt`.

    `files` hold `counts` pairs each, which lie there in the order of chance; one file is in memory at a time. `size` is
    that of the vocabulary. With `negatives` more than 0 a batch is centres [B], contexts [B] and words drawn against them
    [B, negatives], else centres, contexts and weights [B].
    """

    files: Sequence[str]
    counts: Sequence[int]
    size: int
    negatives: int

    @property
    def count(self) -> int:
        """Number of pairs."""
        return sum(self.counts)

    @property
    def _used(self) -> list[str]:
        return ["centres", "contexts", *([] if self.negatives else ["weights"])]

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches without end; the same seed gives the same ones, `skip_steps` leaves out the first.

        The files in another order each time, and the pairs of each; what fills no batch at the end of a file is left
        out, others each time.
        """
        rows = min([batch_size, *self.counts])
        per_epoch = sum(count // rows for count in self.counts)

        def of_file(place: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
            columns = _columns(tf.gather(tf.constant(self.files), place))
            order = tf.random.experimental.stateless_shuffle(
                tf.range(tf.size(columns["centres"])), seed=[seed + 1, epoch]
            )
            batches = tf.reshape(order[: tf.size(order) // rows * rows], [-1, rows])
            used = [columns[key] for key in self._used]
            return tf.data.Dataset.from_tensor_slices(batches).map(
                lambda batch: tuple(tf.gather(column, batch) for column in used)
            )

        def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(tf.range(len(self.files)), seed=[seed, epoch])
            return tf.data.Dataset.from_tensor_slices(order).flat_map(lambda place: of_file(place, epoch))

        epochs = tf.data.Dataset.counter(start=skip_steps // per_epoch, dtype=tf.int32)
        batches = epochs.flat_map(one_epoch).skip(skip_steps % per_epoch)
        if self.negatives:
            steps = tf.data.Dataset.counter(start=skip_steps, dtype=tf.int32)
            batches = tf.data.Dataset.zip(steps, batches).map(self._with_negatives(rows, seed))
        return batches.prefetch(tf.data.AUTOTUNE)

    def _with_negatives(self, rows: int, seed: int) -> Callable[..., tuple[tf.Tensor, ...]]:
        def drawn(step: tf.Tensor, pairs: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
            words = noise.draw((rows, self.negatives), self.size, tf.stack([seed + 2, step]))
            return pairs[0], pairs[1], words

        return drawn


@dataclass(frozen=True)
class Measured:
    """The pairs of another split, in memory, by their centres; keeps to `fitting.Measured`.

    `centres`, `contexts` int32 [N] and `counts` float32 [N].
    """

    centres: np.ndarray
    contexts: np.ndarray
    counts: np.ndarray
    size: int

    @property
    def count(self) -> int:
        """Number of different pairs."""
        return len(self.centres)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return centres [R], and of all their pairs the centre's place in [R], context and count [P] each.

        A batch has as many centres as fit into memory with their scores of all words.
        """
        rows = centres_at_once(self.size)
        bounds = np.searchsorted(self.centres, np.arange(0, self.size + rows, rows))
        parts = [slice(first, end) for first, end in itertools.pairwise(bounds) if end > first]

        def blocks() -> Iterator[tuple[np.ndarray, ...]]:
            for part in parts:
                centres, places = np.unique(self.centres[part], return_inverse=True)
                yield centres, places.astype(np.int32), self.contexts[part], self.counts[part]

        kinds = (tf.int32, tf.int32, tf.int32, tf.float32)
        specs = tuple(tf.TensorSpec([None], kind) for kind in kinds)
        dataset = tf.data.Dataset.from_generator(blocks, output_signature=specs)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(parts)))


def learnt(patterns: Sequence[str], size: int, negatives: int) -> Learnt:
    """Return the train split."""
    files = input_data.files(patterns)
    return Learnt(files, [int(tf.size(_columns(name)["centres"])) for name in files], size, negatives)


def measured(patterns: Sequence[str], size: int) -> Measured:
    """Return another split."""
    parts = [_columns(name) for name in input_data.files(patterns)]
    empty = np.zeros(0, np.int32)
    centres, contexts = (
        np.concatenate([empty, *(part[name].numpy() for part in parts)]) for name in ("centres", "contexts")
    )
    counts = np.concatenate([empty.astype(np.float32), *(part["weights"].numpy() for part in parts)])
    order = np.lexsort((contexts, centres))
    return Measured(centres[order], contexts[order], counts[order], size)


def _columns(name: tf.Tensor) -> dict[str, tf.Tensor]:
    """The columns of a file, which has an example at least: centres and contexts int32, weights float32 if it has any."""
    blocks = input_data.records(name).batch(2**31).get_single_element()
    found = tf.io.parse_example(blocks, {key: tf.io.RaggedFeature(kind) for key, kind in _COLUMNS.items()})
    flat = {key: found[key].flat_values for key in _COLUMNS}
    return {
        key: tf.cast(value, tf.int32) if value.dtype == tf.int64 else value for key, value in flat.items()
    }
