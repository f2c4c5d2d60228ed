"""Vocabularies by frequency or by weight: counted in batches, pruned, sorted and written as TFT does."""

from __future__ import annotations

import hashlib
import heapq
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_transform import analyzers
from tensorflow_transform.beam import analyzer_impls

Counts = list[tuple[Any, Any]]
"""(count or weight, token)"""


def adder(operation: Any) -> Callable[[dict[Any, Any], Any], dict[Any, Any]] | None:
    """How a batch goes into {token: count}; None for vocabularies of another order than frequency or weight."""
    order = analyzers._VocabOrderingType
    adders: dict[Any, Callable[[dict[Any, Any], Any], dict[Any, Any]]] = {
        order.FREQUENCY: _add_tokens,
        order.WEIGHTED_FREQUENCY: _add_weights,
    }
    return adders.get(operation.vocab_ordering_type)


def _add_tokens(counts: dict[Any, Any], batch: tuple[np.ndarray]) -> dict[Any, Any]:
    (tokens,) = batch
    for token, count in Counter(tokens.tolist()).items():
        counts[token] = counts.get(token, 0) + count
    return counts


def _add_weights(counts: dict[Any, Any], batch: tuple[np.ndarray, np.ndarray]) -> dict[Any, Any]:
    tokens, weights = batch
    for token, weight in zip(tokens.tolist(), weights.tolist(), strict=True):
        counts[token] = counts.get(token, 0) + weight
    return counts


def prune(operation: Any, counts: Counts) -> Counts:
    """The tokens at or above the threshold, and the `top_k` of them; numbers become text."""
    for name in ("top_k", "frequency_threshold"):
        limit = getattr(operation, name)
        if limit is not None and limit < 0:
            raise ValueError(f"tft.vocabulary: {name} is {limit}; it has to be 0 or more")
    kept = [one for one in counts if one[0] >= (operation.frequency_threshold or 0)]
    if operation.input_dtype != tf.string.name:
        kept = [(count, tf.compat.as_bytes(tf.compat.as_str_any(token))) for count, token in kept]
    if operation.top_k is None:
        return kept
    return _never_empty(heapq.nlargest(operation.top_k, kept), operation.input_dtype)


def size(counts: Sequence[Any]) -> np.int64:
    """Number of tokens; an empty vocabulary is written with one stand-in."""
    return np.int64(max(len(counts), 1))


def write(operation: Any, counts: Counts, folder: str) -> np.ndarray:
    """Writes the vocabulary file, most frequent first (or by fingerprint); returns its path, a string scalar."""
    if operation.fingerprint_shuffle:
        ordered = sorted(counts, key=lambda one: hashlib.sha1(one[1]).digest())
    else:
        ordered = sorted(counts, reverse=True)
    ordered = _never_empty(ordered, operation.input_dtype)
    if operation.store_frequency:
        lines = [tf.compat.as_bytes(f"{count} {tf.compat.as_str_any(token)}") for count, token in ordered]
    else:
        lines = [token for _, token in ordered]
    path = os.path.join(folder, operation.vocab_filename)
    if operation.file_format == "tfrecord_gzip":
        path += ".tfrecord.gz"
        with tf.io.TFRecordWriter(path, "GZIP") as records:
            for line in lines:
                records.write(line)
    else:
        with tf.io.gfile.GFile(path, "wb") as text:
            text.write(b"".join(line + b"\n" for line in lines))
    return np.array(path)


def _never_empty(counts: Counts, dtype: str) -> Counts:
    return analyzer_impls.maybe_add_empty_vocabulary_dummy(counts, dtype)
