"""Rows on disk between reading and writing, in buckets by the hash of their texts.

Equal texts meet in one bucket, and the buckets one after the other are in the order of the hash: duplicates are found
and the order made random with one bucket in memory, however many rows there are.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.text_example_gen.rows import DIGEST, FILE, ROW

BUCKET_BYTES = 16 << 20
MOST_BUCKETS = 500
"""All of them are open at once."""


def buckets_for(size: int) -> int:
    """How many buckets an input of so many bytes is worth."""
    return min(max(1, -(-size // BUCKET_BYTES)), MOST_BUCKETS)


class Spill:
    """Appends batches to the files of `count` buckets in `folder`; a context, at whose end the files are complete."""

    def __init__(self, folder: str, count: int) -> None:
        self._folder, self._count = folder, count
        self._files = contextlib.ExitStack()
        self._writers: dict[int, Any] = {}

    def __enter__(self) -> Spill:
        tf.io.gfile.makedirs(self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Appends each row to the bucket of its hash."""
        heads = np.array(
            [int.from_bytes(digest[:4], "big") for digest in batch.column(DIGEST).to_pylist()], np.int64
        )
        buckets = heads * self._count >> 32
        order = np.argsort(buckets, kind="stable")
        bounds = np.searchsorted(buckets[order], np.arange(self._count + 1))
        rows = batch.take(pa.array(order))
        for bucket in np.unique(buckets).tolist():
            first, end = int(bounds[bucket]), int(bounds[bucket + 1])
            self._writer(bucket, batch.schema).write_batch(rows.slice(first, end - first))

    def _writer(self, bucket: int, schema: pa.Schema) -> Any:
        if bucket not in self._writers:
            file = self._files.enter_context(tf.io.gfile.GFile(_path(self._folder, bucket), "wb"))
            self._writers[bucket] = self._files.enter_context(pa.ipc.new_stream(_Sink(file), schema))
        return self._writers[bucket]


def read(folder: str, bucket: int) -> pa.Table | None:
    """The rows of a bucket in the order of their hashes, equal ones in the order of the input; None when there are none."""
    path = _path(folder, bucket)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        table = pa.ipc.open_stream(file.read()).read_all()
    return table.sort_by([(DIGEST, "ascending"), (FILE, "ascending"), (ROW, "ascending")])


def _path(folder: str, bucket: int) -> str:
    return os.path.join(folder, f"{bucket:05d}.arrow")


class _Sink:
    """What Arrow asks of a file beyond what a GFile has."""

    closed = False

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        self._file.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True
