"""Records as they lie in a TFRecord file: length, its checksum, the record, its checksum.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

import google_crc32c
import numpy as np
import pyarrow as pa

_HEAD, _FOOT = 12, 4


def separate(records: pa.Array) -> list[bytes]:
    """The bytes of each record of a large_binary array; several times as fast as `to_pylist`."""
    _, offsets, data = records.buffers()
    at = np.frombuffer(offsets, np.int64)[records.offset :][: len(records) + 1].tolist()
    whole = data.to_pybytes()
    return [whole[begin:end] for begin, end in itertools.pairwise(at)]


def framed(records: pa.Array, separate: Sequence[bytes]) -> pa.Array:
    """Each record of a large_binary array within its frame; `separate` as the function of this name gives them."""
    lengths = np.array([len(record) for record in separate], np.int64)
    sizes, which = np.unique(lengths, return_inverse=True)
    heads = pa.array([_head(size) for size in sizes.tolist()], pa.large_binary())
    checksums = np.array([google_crc32c.value(record) for record in separate], np.uint32)
    feet = pa.Array.from_buffers(
        pa.large_binary(),
        len(separate),
        [None, _offsets(np.full(len(separate), _FOOT)), pa.py_buffer(_masked(checksums).astype("<u4"))],
    )
    pool = pa.concat_arrays([heads, records, feet])
    rows = np.arange(len(separate))
    order = np.stack([which, len(heads) + rows, len(heads) + len(records) + rows], axis=1)
    _, _, data = pool.take(pa.array(order.reshape(-1))).buffers()
    return pa.Array.from_buffers(
        pa.large_binary(), len(separate), [None, _offsets(lengths + _HEAD + _FOOT), data]
    )


def _head(size: int) -> bytes:
    length = struct.pack("<Q", size)
    return length + _masked(np.array([google_crc32c.value(length)], np.uint32)).astype("<u4").tobytes()


def _masked(checksums: np.ndarray) -> np.ndarray:
    return ((checksums >> np.uint32(15)) | (checksums << np.uint32(17))) + np.uint32(0xA282EAD8)


def _offsets(lengths: np.ndarray) -> pa.Buffer:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return pa.py_buffer(offsets)
