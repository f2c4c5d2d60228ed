"""Arrow tables as files on any file system that TensorFlow reaches: what executor and workers tell each other."""

from __future__ import annotations

import io
import os

import pyarrow as pa
import tensorflow as tf


def write(folder: str, number: int, table: pa.Table) -> None:
    """Writes the table with this number to a file in `folder`."""
    packed = io.BytesIO()
    with pa.ipc.new_file(packed, table.schema) as file:
        file.write_table(table)
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(_path(folder, number), "wb") as target:
        target.write(packed.getvalue())


def read(folder: str, number: int) -> pa.Table:
    """The table with this number in `folder`."""
    with tf.io.gfile.GFile(_path(folder, number), "rb") as file:
        return pa.ipc.open_file(file.read()).read_all()


def _path(folder: str, number: int) -> str:
    return os.path.join(folder, f"{number:05d}.arrow")
