"""Framed records between reading and writing: those of a block, in buckets by their place in the order.

The buckets one after the other are in the order in which records are written, so that they can be put in order with
one bucket in memory, however many records there are. Buckets are kept compressed: in memory while there is little, else
on disk.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

BUCKET_BYTES = 24 << 20
"""Of a bucket, before it is compressed: about; a thread holds it several times over."""
MOST_BUCKETS = 512
IN_MEMORY = 48 << 20
_CODEC = "lz4_raw"
_HEAD = 3
"""Numbers before a group of records: rows, bytes, compressed bytes."""


@dataclasses.dataclass(frozen=True)
class Bucket:
    """Records with their keys (64 bits by which they are ordered) and splits."""

    keys: np.ndarray
    assigned: np.ndarray
    frames: pa.Array


@dataclasses.dataclass(frozen=True)
class Packed:
    """Some records in buckets, compressed. frames: bytes of all frames."""

    buckets: Sequence[bytes]
    frames: int


@dataclasses.dataclass(frozen=True)
class Run:
    """The records of a block: in `path`, bucket after bucket from `bounds[bucket]` to the next, or in `packed`.

    frames: bytes of all its frames.
    """

    path: str
    bounds: Sequence[int]
    packed: Sequence[bytes] | None
    frames: int

    def read(self, bucket: int) -> list[Bucket]:
        """The records of a bucket, in the order of the block."""
        if self.packed is not None:
            return _unpack(self.packed[bucket])
        with opened(self.path, "rb") as file:
            file.seek(self.bounds[bucket])
            return _unpack(file.read(self.bounds[bucket + 1] - self.bounds[bucket]))


class Spill:
    """Keeps the runs of a pass in so many buckets: up to `in_memory` bytes here, the others in files below `folder`."""

    def __init__(self, folder: str, buckets: int, in_memory: int = IN_MEMORY) -> None:
        self.buckets = buckets
        self._folder, self._left = folder, in_memory
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[str, int, int]:
        return self._folder, self.buckets, 0

    def __setstate__(self, state: tuple[str, int, int]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def add(self, number: int, groups: Sequence[Packed]) -> Run:
        """Keeps the records of block `number`, which come in groups."""
        packed = [b"".join(group.buckets[bucket] for group in groups) for bucket in range(self.buckets)]
        bounds = np.cumsum([0, *map(len, packed)]).tolist()
        frames = sum(group.frames for group in groups)
        with self._lock:
            self._left -= bounds[-1]
            stays = self._left >= 0
        if stays:
            return Run("", bounds, packed, frames)
        path = os.path.join(self._folder, f"{number:06d}")
        make_folder(self._folder)
        with opened(path, "wb") as file:
            file.write(b"".join(packed))
        return Run(path, bounds, None, frames)


def opened(path: str, mode: str) -> Any:
    """A file, of this machine or of a file system that TFX knows."""
    return _remote().open(path, mode) if "://" in path else open(path, mode)


def make_folder(path: str) -> None:
    """Makes a folder, where `opened` makes files, and those above it."""
    _remote().makedirs(path) if "://" in path else os.makedirs(path, exist_ok=True)


def _remote() -> Any:
    # It imports TensorFlow.
    from tfx.dsl.io import fileio

    return fileio


def buckets_for(size: int) -> int:
    """How many buckets so many bytes of records are worth: a power of two."""
    return min(1 << max(0, -(-size // BUCKET_BYTES) - 1).bit_length(), MOST_BUCKETS)


def pack(keys: np.ndarray, assigned: np.ndarray, frames: pa.Array, count: int) -> Packed:
    """Records in `count` buckets (a power of two) by their keys (64 bits)."""
    # Keys of 32 bits, as a shift by all 64 bits is none.
    bucket = (keys >> np.uint64(32)).astype(np.int64) * count >> 32
    order = np.argsort(bucket, kind="stable")
    bounds = np.searchsorted(bucket[order], np.arange(count + 1)).tolist()
    keys, assigned, frames = keys[order], assigned[order].astype(np.uint8), frames.take(pa.array(order))
    offsets = np.frombuffer(frames.buffers()[1], np.int64)[: len(frames) + 1]
    data = memoryview(frames.buffers()[2])
    packed = []
    for first, end in itertools.pairwise(bounds):
        if first == end:
            packed.append(b"")
            continue
        lengths = np.diff(offsets[first : end + 1])
        body = data[offsets[first] : offsets[end]]
        raw = b"".join([keys[first:end].tobytes(), lengths.tobytes(), assigned[first:end].tobytes(), body])
        squeezed = pa.compress(raw, _CODEC, asbytes=True)
        packed.append(np.array([end - first, len(raw), len(squeezed)], np.int64).tobytes() + squeezed)
    return Packed(packed, int(offsets[-1]))


def _unpack(packed: bytes) -> list[Bucket]:
    found, begin = [], 0
    while begin < len(packed):
        rows, size, length = np.frombuffer(packed, np.int64, _HEAD, begin).tolist()
        begin += 8 * _HEAD
        raw = pa.decompress(memoryview(packed)[begin : begin + length], size, _CODEC)
        begin += length
        keys, assigned = np.frombuffer(raw, np.uint64, rows), np.frombuffer(raw, np.uint8, rows, 16 * rows)
        offsets = np.zeros(rows + 1, np.int64)
        np.cumsum(np.frombuffer(raw, np.int64, rows, 8 * rows), out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), raw.slice(17 * rows)]
        frames = pa.Array.from_buffers(pa.large_binary(), rows, buffers)
        found.append(Bucket(keys, assigned, frames))
    return found
