"""Pairs of sentences as batches of token ids: of like length together, padded to their own longest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.text.batching import batches_of_rows, serialized
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.translation.translator import END, PAD, START

Tensors = dict[str, tf.Tensor]
_AT_ONCE = 2048
_SCORED_AT_ONCE = 64
"""Pairs of the valid split in a batch: their logits are its size, times tokens, times vocabulary."""


def source_ids(ids: tf.RaggedTensor, longest: int) -> tf.Tensor:
    """Return [B, S] ids: the first `longest` - 1 tokens of each source, END, and PAD up to the longest."""
    return _with_end(ids[:, : longest - 1]).to_tensor(PAD)


def target_ids(ids: tf.RaggedTensor, longest: int) -> tf.Tensor:
    """Return [B, T] ids: the tokens of each target, END, cut after `longest`, and PAD up to the longest."""
    return _with_end(ids)[:, :longest].to_tensor(PAD)


def before(target: tf.Tensor) -> tf.Tensor:
    """Return what the decoder has seen when it says each token of target ids [B, T]: START and all earlier ones."""
    return tf.concat([tf.fill([tf.shape(target)[0], 1], START), target[:, :-1]], axis=1)


def _with_end(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    return tf.concat([ids, tf.fill([ids.nrows(), 1], END)], axis=1)


@dataclass(frozen=True)
class Texts:
    """Sources and targets of a split, as text."""

    sources: list[bytes]
    targets: list[bytes]


def read(patterns: Sequence[str], transform: tft.TFTransformOutput, source: str, target: str) -> Texts:
    """Read the transformed examples of a split; pairs without a target are left out."""
    known = transform.transformed_feature_spec()
    spec = {key: known[key] for key in (f"{source}_xf", f"{target}_xf")}
    found = Texts([], [])
    for block in serialized(patterns).map(lambda block: tf.io.parse_example(block, spec)).as_numpy_iterator():
        for one, other in zip(block[f"{source}_xf"], block[f"{target}_xf"], strict=True):
            if other:
                found.sources.append(one)
                found.targets.append(other)
    logging.info("read %d pairs", len(found.targets))
    return found


@dataclass(frozen=True)
class Pairs:
    """Tokenised pairs of a split, in memory: ragged int32 [N, None] of sources and targets, without END."""

    sources: tf.RaggedTensor
    targets: tf.RaggedTensor
    max_source: int
    max_target: int

    @property
    def count(self) -> int:
        """Number of pairs."""
        return int(self.targets.nrows())

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Return shuffled batches without end; the same seed gives the same ones, `skip_steps` leaves out the first.

        Inputs are source [B, S] and target [B, T], then what follows each token [B, T], and its weight: 0 for padding.
        """
        rows = batches_of_rows(self._lengths(), batch_size, seed, skip_steps)
        return rows.map(self._batch, num_parallel_calls=1).prefetch(tf.data.AUTOTUNE)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return every pair once, the shortest first."""
        order = np.argsort(self._lengths(), kind="stable").astype(np.int32)
        rows = tf.data.Dataset.from_tensor_slices(order).batch(min(batch_size, _SCORED_AT_ONCE))
        return rows.map(self._batch, num_parallel_calls=1).prefetch(tf.data.AUTOTUNE)

    def _lengths(self) -> np.ndarray:
        """How long each pair is where it is used, both sides together."""
        source = np.minimum(self.sources.row_lengths(), self.max_source)
        return source + np.minimum(self.targets.row_lengths(), self.max_target)

    def _batch(self, rows: tf.Tensor) -> tuple[Tensors, tf.Tensor, tf.Tensor]:
        source = source_ids(tf.gather(self.sources, rows), self.max_source)
        target = target_ids(tf.gather(self.targets, rows), self.max_target)
        return {"source": source, "target": before(target)}, target, tf.cast(target != PAD, tf.float32)


def tokenised(texts: Texts, source: Tokenizer, target: Tokenizer, max_source: int, max_target: int) -> Pairs:
    """Return the pairs as ids; those that are longer than the model takes are cut, and counted in the log."""
    pairs = Pairs(_ids(texts.sources, source), _ids(texts.targets, target), max_source, max_target)
    for name, ids, longest in (
        ("max_source", pairs.sources, max_source),
        ("max_target", pairs.targets, max_target),
    ):
        cut = int(np.sum(ids.row_lengths() >= longest))
        if cut:
            logging.warning(
                "%d of %d pairs are cut: they are longer than trainer.model.%s", cut, pairs.count, name
            )
    return pairs


def _ids(texts: Sequence[bytes], tokenizer: Tokenizer) -> tf.RaggedTensor:
    parts = [tokenizer.tokenize(tf.constant(block, tf.string)) for block in _blocks(texts)]
    return (
        tf.concat(parts, axis=0) if parts else tf.RaggedTensor.from_row_lengths(tf.constant([], tf.int32), [])
    )


def _blocks(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield texts[start : start + _AT_ONCE]
