"""The texts of a split as windows of tokens, in memory, and batches of windows of similar length."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.language.likelihood import rows_at_once
from trainer_modules.text import batching
from trainer_modules.text.tokenizers import Tokenizer

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Windows:
    """Windows of all texts; keeps to `fitting.Examples`.

    `ids` int32 holds the texts one after the other, each after START; window i is what follows the `lengths[i]` tokens
    from `starts[i]` on. `size` is the number of different ids.
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    size: int

    @property
    def count(self) -> int:
        """Number of windows."""
        return len(self.starts)

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches without end; the same seed gives the same ones, `skip_steps` leaves out the first.

        A batch is tokens [B, T], what follows each [B, T], and its weight [B, T]: 0 for padding.
        """
        rows = batching.batches_of_rows(self.lengths, batch_size, seed, skip_steps)
        return rows.map(self._batch, num_parallel_calls=1).prefetch(tf.data.AUTOTUNE)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every window once, the shortest first."""
        order = np.argsort(self.lengths, kind="stable").astype(np.int32)
        rows = min(batch_size, rows_at_once(int(self.lengths.max(initial=1)), self.size))
        return tf.data.Dataset.from_tensor_slices(order).batch(rows).map(self._batch).prefetch(1)

    def _batch(self, rows: tf.Tensor) -> Batch:
        lengths = tf.gather(tf.constant(self.lengths), rows)[:, tf.newaxis]
        column = tf.range(tf.reduce_max(lengths) + 1)
        index = tf.gather(tf.constant(self.starts), rows)[:, tf.newaxis] + column
        tokens = tf.gather(tf.constant(self.ids), tf.minimum(index, len(self.ids) - 1))
        tokens = tf.where(column <= lengths, tokens, Tokenizer.PAD)
        return tokens[:, :-1], tokens[:, 1:], tf.cast(column[1:] <= lengths, tf.float32)


def cut(ids: np.ndarray, tokens: np.ndarray, longest: int, size: int) -> Windows:
    """Return windows of at most `longest` tokens, those of a text alike in length.

    `ids` holds the texts, each after START; `tokens` [N] how many tokens each one has after that.
    """
    pieces = -(-tokens // longest)
    text = np.repeat(np.arange(len(tokens)), pieces)
    number = np.arange(len(text)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    short, longer = tokens[text] // pieces[text], tokens[text] % pieces[text]
    begin = np.cumsum(tokens + 1) - (tokens + 1)
    starts = begin[text] + number * short + np.minimum(number, longer)
    lengths = short + (number < longer)
    return Windows(ids, starts.astype(np.int32), lengths.astype(np.int32), size)


def read(
    patterns: Sequence[str],
    transform: tft.TFTransformOutput,
    key: str,
    tokenizer: Tokenizer,
    longest: int,
    whole_texts: bool,
) -> Windows:
    """Read the transformed examples of a split and make their tokens, once for all epochs; whole texts get an END."""
    spec = {key: transform.transformed_feature_spec()[key]}

    def parse(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ids = tokenizer.tokenize(tf.io.parse_example(block, spec)[key])
        parts = [tf.fill([ids.nrows(), 1], Tokenizer.START), ids]
        if whole_texts:
            parts.append(tf.fill([ids.nrows(), 1], Tokenizer.END))
        joined = tf.concat(parts, axis=1)
        return joined.flat_values, joined.row_lengths() - 1

    found_ids, found_tokens = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    blocks = batching.serialized(patterns).map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    for ids, tokens in blocks.as_numpy_iterator():
        found_ids.append(ids)
        found_tokens.append(tokens)
    ids, tokens = np.concatenate(found_ids), np.concatenate(found_tokens)
    windows = cut(ids, tokens, longest, tokenizer.size)
    unknown = np.mean(ids == Tokenizer.UNK) if len(ids) else 0.0
    logging.info(
        "read %d texts of %d tokens, %.2f%% of them unknown, as %d windows",
        len(tokens),
        tokens.sum(),
        100 * unknown,
        windows.count,
    )
    return windows
