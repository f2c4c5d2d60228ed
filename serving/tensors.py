"""TensorProto <-> numpy, with the rules of TensorFlow's `Tensor::FromProto` and `Tensor::AsProtoField`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.tensor_kinds import KINDS, STRING, BadTensor, Kind, kind_of

FILL_LIMIT = 64 * 2**20
"""Bytes that a tensor may take beyond the values that were sent for it (the last one is repeated)."""

MAX_DIMENSIONS = 64
"""Numpy's own limit; TensorFlow's is 254."""

SLOW_COUNT, SLOW_PACKED_COUNT = 16_384, 1_048_576
"""So many values are worth a thread: those that Python handles one by one, and those that are copied as they are."""

_PACKED_COUNT = 64
"""From so many values on, going through the wire format is quicker than through Python's numbers."""


_BITS = {types_pb2.DT_HALF, types_pb2.DT_BFLOAT16}
_FOUR_BITS = {types_pb2.DT_INT4, types_pb2.DT_UINT4}


def is_slow(proto: TensorProto) -> bool:
    """Whether reading the proto takes milliseconds, so that it is better done in a thread."""
    kind = KINDS.get(proto.dtype)
    return kind is not None and _is_slow(kind, len(getattr(proto, kind.field)))


def is_slow_to_fill(array: np.ndarray) -> bool:
    """Whether writing the array takes milliseconds, so that it is better done in a thread."""
    return array.size > SLOW_COUNT and _is_slow(kind_of(array), array.size)


def _is_slow(kind: Kind, count: int) -> bool:
    return count > (SLOW_PACKED_COUNT if kind.packed else SLOW_COUNT)


def from_proto(proto: TensorProto) -> np.ndarray:
    """The tensor of a proto, read from `tensor_content` without a copy, else from its `*_val` field.

    Too few values: the last one is repeated (none at all: zeros or empty strings); too many: the
    first ones count. Strings are an object array of bytes. Arrays may be read-only.
    Nothing is allocated before dtype, shape and sizes are known to be sound. Raises BadTensor.
    """
    kind = KINDS.get(proto.dtype)
    if kind is None:
        raise BadTensor(f"dtype {proto.dtype} can not be sent")
    shape, count = _shape_of(proto)
    if count == 0:
        try:
            return np.empty(shape, kind.dtype)
        except ValueError:
            raise BadTensor(f"a tensor can not have the shape {list(shape)}") from None
    content = proto.tensor_content
    if content:
        return _from_content(kind, content, count).reshape(shape)
    return _from_field(kind, proto, count).reshape(shape)


def _shape_of(proto: TensorProto) -> tuple[tuple[int, ...], int]:
    sizes = proto.tensor_shape
    shape = tuple([dim.size for dim in sizes.dim])
    if sizes.unknown_rank or len(shape) > MAX_DIMENSIONS or (shape and min(shape) < 0):
        raise BadTensor(f"a tensor can not have the shape {list(shape)[:MAX_DIMENSIONS]}")
    count = math.prod(shape)
    if count >= 2**63:
        raise BadTensor(f"a tensor can not have the shape {list(shape)}")
    return shape, count


def _from_content(kind: Kind, content: bytes, count: int) -> np.ndarray:
    if kind is STRING:
        return _strings_from_content(content, count)
    if len(content) != count * kind.dtype.itemsize:
        raise BadTensor(f"{len(content)} bytes are not {count} values of {kind.name}")
    if kind.enum == types_pb2.DT_BOOL:
        return np.frombuffer(content, np.uint8) != 0
    return np.frombuffer(content, kind.dtype)


def _strings_from_content(content: bytes, count: int) -> np.ndarray:
    """All lengths as varints, then all bytes."""
    if count > len(content):
        raise BadTensor(f"{len(content)} bytes can not hold {count} strings")
    lengths = []
    position = 0
    for _ in range(count):
        length = shift = 0
        while True:
            if position == len(content) or shift > 28:
                raise BadTensor("lengths of strings are cut off")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise BadTensor(f"{len(content)} bytes do not fit the lengths of {count} strings")
    strings = np.empty(count, object)
    for index, length in enumerate(lengths):
        strings[index] = content[position : position + length]
        position += length
    return strings


def _from_field(kind: Kind, proto: TensorProto, count: int) -> np.ndarray:
    field = getattr(proto, kind.field)
    sent = min(len(field) // kind.per_value, count)
    missing = count - sent
    if missing and missing * kind.dtype.itemsize > FILL_LIMIT:
        raise BadTensor(f"{sent} of {count} values were sent")
    if kind is STRING:
        strings = np.empty(count, object)
        strings[:sent] = field[:sent]
        strings[sent:] = field[sent - 1] if sent else b""
        return strings
    values = _typed(kind, _numbers(kind, proto, field, sent * kind.per_value)) if sent else None
    if values is None:
        return np.zeros(count, kind.dtype)
    if not missing:
        return values
    filled = np.empty(count, kind.dtype)
    filled[:sent] = values
    filled[sent:] = values[-1]
    return filled


def _numbers(kind: Kind, proto: TensorProto, field: Sequence, count: int) -> np.ndarray:
    """The first numbers of a field, in the field's own type."""
    if kind.field == "float8_val":
        return np.frombuffer(bytes(field), kind.wire, count)
    if not kind.packed or count < _PACKED_COUNT:
        return np.array(field[:count], kind.wire)
    alone = TensorProto()
    alone.CopyFrom(proto)
    for other, _ in proto.ListFields():
        if other.name != kind.field:
            alone.ClearField(other.name)
    alone.DiscardUnknownFields()
    message = alone.SerializeToString()
    start = len(message) - len(field) * kind.wire.itemsize
    return np.frombuffer(message, kind.wire, count, start)


def _typed(kind: Kind, numbers: np.ndarray) -> np.ndarray:
    """Numbers of a field as values of the dtype: narrowed as C does, bits as halves, pairs as complex."""
    if kind.enum in _BITS:
        return numbers.astype(np.uint16).view(kind.dtype)
    if kind.dtype.names:
        return numbers.astype(kind.dtype[0]).view(kind.dtype)
    if kind.per_value == 2 or kind.field == "float8_val":
        return numbers.view(kind.dtype)
    return numbers.astype(kind.dtype, copy=False)


def fill_proto(array: np.ndarray, proto: TensorProto) -> None:
    """Writes a tensor into an empty proto: dtype, shape and the dtype's `*_val` field. Raises BadTensor."""
    kind = _fill_head(array, proto)
    if not array.size:
        return
    if kind is STRING:
        proto.string_val.extend([_as_bytes(value) for value in array.ravel().tolist()])
    elif kind.field == "float8_val":
        proto.float8_val = array.tobytes()
    elif kind.packed and array.size >= _PACKED_COUNT:
        payload = array.tobytes()
        proto.MergeFromString(_length_delimited(kind.number, len(payload)) + payload)
    else:
        getattr(proto, kind.field).extend(_untyped(kind, array))


def fill_content(array: np.ndarray, proto: TensorProto) -> None:
    """As `fill_proto`, the values as bytes in `tensor_content`; strings stay in their field, where clients look."""
    kind = _fill_head(array, proto)
    if kind is STRING:
        proto.string_val.extend([_as_bytes(value) for value in array.ravel().tolist()])
    else:
        proto.tensor_content = array.tobytes()


def _fill_head(array: np.ndarray, proto: TensorProto) -> Kind:
    kind = kind_of(array)
    proto.dtype = kind.enum
    proto.tensor_shape.SetInParent()
    add = proto.tensor_shape.dim.add
    for size in array.shape:
        add(size=size)
    return kind


def _untyped(kind: Kind, array: np.ndarray) -> list:
    flat = np.ascontiguousarray(array).reshape(-1)
    if kind.enum in _BITS:
        flat = flat.view(np.uint16)
    elif kind.dtype.names:
        flat = flat.view(kind.dtype[0])
    elif kind.per_value == 2:
        flat = flat.view(kind.wire)
    elif kind.enum in _FOUR_BITS:
        flat = flat.astype(np.int8)
    return flat.tolist()


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _length_delimited(number: int, length: int) -> bytes:
    """The tag and length that stand before a packed field on the wire."""
    head = bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head)
