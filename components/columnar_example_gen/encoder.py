"""Arrow columns to serialized tf.Examples, column by column.

The bytes are those of `tf.train.Example.SerializeToString(deterministic=True)` (the keys of the map in order),
because stock ExampleGen hashes exactly these to choose a record's split. tfx_bsl's encoder writes the map in an
arbitrary order: its output neither hashes alike nor is the same from run to run.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Part = tuple[pa.Array, np.ndarray]
"""Distinct pieces of bytes, and for every row which of them it has."""
_LENGTH_DELIMITED = 2
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_FLOAT_BYTES = 4
_FEW = 4
"""Rows to a distinct value from which on the entries of a column are made for each value instead of each row."""


def encode(batch: pa.RecordBatch | pa.Table) -> pa.Array:
    """One serialized tf.Example per row.

    Columns of int64, float32, string, lists of strings, or null; a missing value is an empty list of the column's kind, and a
    column of nulls an empty feature. Returns a large_binary array.
    """
    order = sorted(batch.schema.names, key=_map_order)
    parts = [part for name in order for part in _entries(name, batch.column(name))]
    sizes = np.zeros(batch.num_rows, np.int64)
    for pool, which in parts:
        sizes += pc.binary_length(pool).to_numpy()[which]
    return _gathered([_heads(sizes, functools.partial(_field, 1)), *parts])


def _gathered(parts: Sequence[Part]) -> pa.Array:
    """The parts of every row, one after the other."""
    which = np.empty((len(parts[0][1]), len(parts)), np.int64)
    begin = 0
    for number, (pool, indices) in enumerate(parts):
        np.add(indices, begin, out=which[:, number])
        begin += len(pool)
    pieces = pa.concat_arrays([pool for pool, _ in parts]).take(pa.array(which.reshape(-1)))
    _, offsets, data = pieces.buffers()
    ends = np.frombuffer(offsets, np.int64, which.size + 1)[:: len(parts)]
    return pa.Array.from_buffers(pa.large_binary(), len(which), [None, pa.py_buffer(ends.copy()), data])


def _map_order(name: str) -> bytes:
    """Where protobuf (upb) puts a key: by its bytes, and of two keys the longer one before its own beginning."""
    return name.encode() + b"\xff"


def _entries(name: str, column: pa.ChunkedArray | pa.Array) -> list[Part]:
    """The map entry (name, Feature) of every row, in parts that follow each other."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_null(column.type):
        return [(_pool([_entry(name, b"")]), np.zeros(len(column), np.int64))]
    if pa.types.is_list(column.type) or pa.types.is_floating(column.type):
        return _entries_one_by_one(name, column)
    encoded = column.dictionary_encode()
    values = encoded.dictionary
    if len(values) * _FEW > len(column):
        return _entries_one_by_one(name, column)
    # Each entry is made once for all rows that have the value.
    made = _gathered(_entries_one_by_one(name, pa.concat_arrays([values, pa.nulls(1, values.type)])))
    return [(made, pc.fill_null(encoded.indices, len(values)).to_numpy())]


def _entries_one_by_one(name: str, column: pa.Array) -> list[Part]:
    number, payload = _payload(column)
    head = _list_head if pa.types.is_list(column.type) else _entry_head
    lengths = pc.binary_length(payload).to_numpy()
    heads, which = _heads(lengths, lambda size: head(name, number, size))
    if column.null_count:
        heads = pa.concat_arrays([heads, _pool([_entry(name, _field(number, 0))])])
        which = np.where(column.is_valid().to_numpy(zero_copy_only=False), which, len(heads) - 1)
    # The payload of a missing value is empty, or has to be.
    values = np.arange(len(payload))
    if column.null_count and pa.types.is_primitive(column.type):
        payload = pa.concat_arrays([payload, _pool([b""])])
        values = np.where(which == len(heads) - 1, len(payload) - 1, values)
    return [(heads, which), (payload, values)]


def _payload(column: pa.Array) -> tuple[int, pa.Array]:
    """(field number in Feature, the value's own bytes; of a list its values with their tags and lengths)."""
    if pa.types.is_list(column.type):
        values = column.values.cast(pa.large_binary())
        tagged = _with_header(values, functools.partial(_field, 1)).cast(pa.binary())
        joined = pc.binary_join(pa.ListArray.from_arrays(column.offsets, tagged), b"")
        return _BYTES_LIST, joined.cast(pa.large_binary())
    if pa.types.is_string(column.type):
        return _BYTES_LIST, pc.fill_null(column.cast(pa.large_binary()), b"")
    if pa.types.is_floating(column.type):
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False).astype("<f4")
        return _FLOAT_LIST, _binary(values.view(np.uint8), np.full(len(values), _FLOAT_BYTES))
    return _INT64_LIST, _varints(pc.fill_null(column, 0).to_numpy(zero_copy_only=False))


def _varints(values: np.ndarray) -> pa.Array:
    """Each int64 as a base-128 varint of 1 to 10 bytes."""
    rest = values.astype(np.int64).view(np.uint64)
    septets = np.zeros((len(rest), 10), np.uint8)
    lengths = np.ones(len(rest), np.int64)
    for place in range(10):
        septets[:, place] = rest & np.uint64(0x7F)
        rest = rest >> np.uint64(7)
        more = rest != 0
        if not more.any():
            break
        septets[more, place] |= 0x80
        lengths += more
    return _binary(septets[np.arange(10) < lengths[:, None]], lengths)


def _entry_head(name: str, number: int, size: int) -> bytes:
    """All of an entry that stands before a value of `size` bytes."""
    value = _varint(1 << 3 | _LENGTH_DELIMITED) + _varint(size)
    return _list_head(name, number, len(value) + size) + value


def _list_head(name: str, number: int, size: int) -> bytes:
    """All of an entry that stands before the `size` bytes of its list."""
    key = _field(1, len(name.encode())) + name.encode()
    inner = _field(number, size)
    feature = _field(2, len(inner) + size) + inner
    return _field(1, len(key) + len(feature) + size) + key + feature


def _entry(name: str, feature: bytes) -> bytes:
    key = _field(1, len(name.encode())) + name.encode()
    body = key + _field(2, len(feature)) + feature
    return _field(1, len(body)) + body


def _field(number: int, size: int) -> bytes:
    """Tag and length of a length-delimited field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(size)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _with_header(bodies: pa.Array, head: Callable[[int], bytes]) -> pa.Array:
    return _gathered([_heads(pc.binary_length(bodies).to_numpy(), head), (bodies, np.arange(len(bodies)))])


def _heads(lengths: np.ndarray, head: Callable[[int], bytes]) -> Part:
    """head(length) for every length, computed once for each that occurs."""
    encoded = pa.array(lengths).dictionary_encode()
    return _pool([head(length) for length in encoded.dictionary.to_pylist()]), encoded.indices.to_numpy()


def _binary(data: np.ndarray, lengths: np.ndarray) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers)


def _pool(values: Sequence[bytes]) -> pa.Array:
    return pa.array(values, pa.large_binary())
