"""Packed TFRecord files, read without TensorFlow."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

DAMAGED = (OSError, EOFError, struct.error, zlib.error)
"""What reading a file that is damaged or gone raises."""


def records(path: Path) -> Iterator[bytes]:
    """The records of a gzip TFRecord file (length, its checksum, the record, its checksum); a cut one is left out.

    https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    with gzip.open(path) as file:
        while len(head := file.read(12)) == 12:
            (length,) = struct.unpack("<Q", head[:8])
            record = file.read(length)
            if len(record) < length:
                return
            yield record
            file.read(4)
