"""Nested lists of JSON values -> numpy, quickly; what is wrong with others says `serving.json_faults`."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from serving.json_pieces import Irregular, Numbers
from serving.json_text import FLOAT_MAX

LARGEST_WHOLE = {types_pb2.DT_FLOAT: 2**24 - 1, types_pb2.DT_DOUBLE: 2**53 - 1}
"""Whole numbers up to these are taken for floats and doubles, larger ones would lose precision."""

INTEGERS: dict[int, Any] = {
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_UINT64: np.uint64,
}

MOST_DIMENSIONS = 64
"""Numpy's limit; TensorFlow's is 254."""

FEW = 64
"""Up to so many values Python's own functions are quicker than numpy's calls."""

_NUMBERS = {int, float}


def to_array(value: Any, dtype: int) -> np.ndarray:
    """A tensor of the DataType from a JSON value: a scalar, or lists nested evenly.

    Strings become an object array of bytes. Raises Irregular for anything that TF Serving refuses.
    """
    if type(value) is Numbers:
        return _from_text(value, dtype, MOST_DIMENSIONS)
    if type(value) is list and value and type(value[0]) is Numbers:
        return _joined([_as_row(_from_text(each, dtype, MOST_DIMENSIONS)) for each in value])
    shape: list[int] = []
    flat = [value]
    while flat and type(flat[0]) is list:
        lengths = set(map(len, flat)) if set(map(type, flat)) == {list} else set()
        if len(lengths) != 1 or len(shape) == MOST_DIMENSIONS:
            raise Irregular
        shape.append(lengths.pop())
        flat = flat[0] if len(flat) == 1 else list(chain.from_iterable(flat))
    try:
        leaves = _LEAVES[dtype]
    except KeyError:
        raise Irregular from None
    return leaves(flat, dtype).reshape(shape)


def decode_base64(text: str) -> bytes | None:
    """The bytes of a base64 text, with or without padding, blanks ignored; None when it is none."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    try:
        plain = "".join(text.split()).encode("ascii")
        bare = plain.rstrip(b"=.")
        padding = len(plain) - len(bare)
        if padding and (padding > 2 or len(plain) % 4):
            return None
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        return None


def is_base64(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "..."}`."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def as_bytes(text: str) -> bytes:
    """A string as it was sent; bytes that are not UTF-8 came as surrogate escapes."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def _from_text(numbers: Any, dtype: int, most_dimensions: int) -> np.ndarray:
    """An array that was left in its text."""
    if type(numbers) is not Numbers or not most_dimensions:
        raise Irregular
    arrays = []
    for piece in numbers.pieces():
        if type(piece) is Numbers:
            arrays.append(_as_row(_from_text(piece, dtype, most_dimensions - 1)))
        else:
            arrays.append(to_array(piece, dtype))
    return _joined(arrays)


def _as_row(array: np.ndarray) -> np.ndarray:
    if array.ndim == MOST_DIMENSIONS:
        raise Irregular
    return array[np.newaxis]


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    try:
        return np.concatenate(arrays)
    except ValueError:
        raise Irregular from None


def _floats(flat: list[Any], dtype: int) -> np.ndarray:
    types = set(map(type, flat))
    if not types <= _NUMBERS:
        raise Irregular
    if int in types:
        whole = flat if len(types) == 1 else [value for value in flat if type(value) is int]
        limit = LARGEST_WHOLE[dtype]
        if max(whole) > limit or min(whole) < -limit:
            raise Irregular
    if dtype == types_pb2.DT_DOUBLE:
        return np.array(flat, np.float64)
    if 0 < len(flat) <= FEW and max(flat) <= FLOAT_MAX and min(flat) >= -FLOAT_MAX:
        return np.array(flat, np.float32)
    doubles = np.array(flat, np.float64)
    sizes = np.abs(doubles)
    if flat and not sizes.max() <= FLOAT_MAX and np.any(np.isfinite(doubles) & (sizes > FLOAT_MAX)):
        raise Irregular
    return doubles.astype(np.float32)


def _integers(flat: list[Any], dtype: int) -> np.ndarray:
    if set(map(type, flat)) - {int}:
        raise Irregular
    kind = INTEGERS[dtype]
    try:
        return np.array(flat, kind)
    except OverflowError:
        raise Irregular from None


def _booleans(flat: list[Any], dtype: int) -> np.ndarray:
    if set(map(type, flat)) - {bool}:
        raise Irregular
    return np.array(flat, np.bool_)


def _strings(flat: list[Any], dtype: int) -> np.ndarray:
    types = set(map(type, flat))
    if types == {str}:
        try:
            texts: list[bytes | None] = list(map(str.encode, flat))
        except UnicodeEncodeError:
            texts = list(map(as_bytes, flat))
    else:
        texts = list(map(_string, flat))
    array = np.empty(len(flat), object)
    array[:] = texts
    return array


def _string(value: Any) -> bytes:
    if type(value) is str:
        return as_bytes(value)
    decoded = decode_base64(value["b64"]) if is_base64(value) else None
    if decoded is None:
        raise Irregular
    return decoded


_LEAVES: dict[int, Callable[[list[Any], int], np.ndarray]] = {
    types_pb2.DT_FLOAT: _floats,
    types_pb2.DT_DOUBLE: _floats,
    types_pb2.DT_BOOL: _booleans,
    types_pb2.DT_STRING: _strings,
    **dict.fromkeys(INTEGERS, _integers),
}
