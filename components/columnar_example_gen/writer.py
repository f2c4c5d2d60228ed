"""Records to gzip TFRecord shards in the layout of the Examples artifact."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.columnar_example_gen import spill
from components.columnar_example_gen.spill import Run

FILE_PREFIX = "data_tfrecord"
SHARD_BYTES = 48 << 20
"""Records in a shard, before they are compressed: about; a small input is one shard."""
MOST_SHARDS = 128
LEVEL = 1
"""Of gzip: a quarter larger than its default of 6, written more than twice as fast, and read as fast."""
_GZIP = 31


def shard_name(shard: int, shards: int) -> str:
    """The file name that Beam's TFRecord sink gives to this shard."""
    return f"{FILE_PREFIX}-{shard:05d}-of-{shards:05d}.gz"


def write_split(folder: str, shards: Sequence[Iterable[bytes]]) -> None:
    """Writes each shard's records to its file in `folder`, which is made when needed."""
    os.makedirs(folder, exist_ok=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    for shard, records in enumerate(shards):
        with tf.io.TFRecordWriter(os.path.join(folder, shard_name(shard, len(shards))), options) as file:
            for record in records:
                file.write(record)


def shards_for(runs: Sequence[Run], buckets: int) -> int:
    """How many shards the records are worth: a power of two, at most one for each bucket."""
    wanted = sum(run.frames for run in runs) // SHARD_BYTES
    return min(1 << max(wanted, 1).bit_length() - 1, buckets, MOST_SHARDS)


def write_shard(shard: int, shards: int, runs: Sequence[Run], buckets: int, folders: Sequence[str]) -> None:
    """Writes a shard of each split (a folder for each): the records of its buckets in the order of their keys."""
    packers = [zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP) for _ in folders]
    for folder in folders:
        spill.make_folder(folder)
    paths = [os.path.join(folder, shard_name(shard, shards)) for folder in folders]
    files = [spill.opened(path, "wb") for path in paths]
    try:
        for bucket in range(shard * buckets // shards, (shard + 1) * buckets // shards):
            parts = [part for run in runs for part in run.read(bucket)]
            if not parts:
                continue
            keys = np.concatenate([part.keys for part in parts])
            assigned = np.concatenate([part.assigned for part in parts])
            frames = pa.concat_arrays([part.frames for part in parts])
            del parts
            for split, (packer, file) in enumerate(zip(packers, files, strict=True)):
                rows = np.flatnonzero(assigned == split)
                ordered = frames.take(pa.array(rows[np.argsort(keys[rows], kind="stable")]))
                if len(rows):
                    file.write(packer.compress(memoryview(ordered.buffers()[2])))
        for packer, file in zip(packers, files, strict=True):
            file.write(packer.flush())
    finally:
        for file in files:
            file.close()
