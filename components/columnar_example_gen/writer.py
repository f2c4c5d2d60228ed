"""Serialized examples to gzip TFRecord shards in the layout of the Examples artifact."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import tensorflow as tf

FILE_PREFIX = "data_tfrecord"


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
