"""Pairs on disk between making and writing, in buckets that fit into memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

PAIR = np.dtype([("centre", "<i4"), ("context", "<i4"), ("weight", "<f4")])
BUCKET_BYTES = 1 << 20
"""Of compressed texts; their pairs take about thirty times as much."""
MOST_BUCKETS = 500
"""All of them are open at once."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


def worth(paths: Sequence[str]) -> int:
    """How many buckets the pairs of these files are worth."""
    size = sum(tf.io.gfile.stat(path).length for path in paths)
    return min(max(1, -(-size // BUCKET_BYTES)), MOST_BUCKETS)


def packed(centres: np.ndarray, contexts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The columns as one array of PAIR."""
    pairs = np.empty(len(centres), PAIR)
    pairs["centre"], pairs["context"], pairs["weight"] = centres, contexts, weights
    return pairs


def by_chance(pairs: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """A bucket for every pair, drawn."""
    return random.integers(0, count, len(pairs))


def by_pair(pairs: np.ndarray, count: int) -> np.ndarray:
    """A bucket for every pair, the same for equal ones."""
    keys = pairs["centre"].astype(np.uint64) << np.uint64(32) | pairs["context"].astype(np.uint64)
    return ((keys * _ODD >> np.uint64(32)) % np.uint64(count)).astype(np.int64)


class Spill:
    """Appends pairs to a file for each of `count` buckets in `folder`; a context, at whose end the files are complete."""

    def __init__(self, folder: str, count: int) -> None:
        self._folder, self._count = folder, count
        self._open = contextlib.ExitStack()
        self.files: dict[int, str] = {}
        self._writers: dict[int, tf.io.gfile.GFile] = {}

    def __enter__(self) -> Spill:
        tf.io.gfile.makedirs(self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, pairs: np.ndarray, buckets: np.ndarray) -> None:
        """Appends each pair to its bucket, in their order."""
        order = np.argsort(buckets, kind="stable")
        bounds = np.searchsorted(buckets[order], np.arange(self._count + 1))
        for bucket in range(self._count):
            mine = pairs[order[bounds[bucket] : bounds[bucket + 1]]]
            if len(mine):
                self._writer(bucket).write(mine.tobytes())

    def _writer(self, bucket: int) -> tf.io.gfile.GFile:
        if bucket not in self._writers:
            self.files[bucket] = os.path.join(self._folder, f"{bucket:05d}.pairs")
            file = tf.io.gfile.GFile(self.files[bucket], "wb")
            self._writers[bucket] = self._open.enter_context(file)
        return self._writers[bucket]


def read(paths: Iterable[str]) -> np.ndarray:
    """The pairs of the files one after the other."""
    return np.concatenate([np.zeros(0, PAIR), *_each(paths)])


def _each(paths: Iterable[str]) -> Iterator[np.ndarray]:
    for path in paths:
        with tf.io.gfile.GFile(path, "rb") as file:
            yield np.frombuffer(file.read(), PAIR)
