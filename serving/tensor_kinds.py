"""How TensorFlow's dtypes are kept: as numpy arrays, and in which field of a TensorProto."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.python.framework import dtypes


@dataclass(frozen=True)
class Kind:
    """How values of one dtype are kept: as numpy, and in which field of a TensorProto."""

    enum: int
    name: str  # as C++ TensorFlow names it in messages
    dtype: np.dtype
    field: str
    number: int  # of the field
    wire: np.dtype  # of a value in the field
    per_value: int = 1  # numbers of the field that make one value
    packed: bool = False  # the field's bytes on the wire are those of the wire dtype


def _kinds() -> dict[int, Kind]:
    by_field = {
        ("float_val", "<f4", 1, True): ["FLOAT"],
        ("double_val", "<f8", 1, True): ["DOUBLE"],
        ("scomplex_val", "<f4", 2, True): ["COMPLEX64"],
        ("dcomplex_val", "<f8", 2, True): ["COMPLEX128"],
        ("bool_val", "?", 1, True): ["BOOL"],
        ("int_val", "<i4", 1, False): (
            [
                "INT32",
                "INT16",
                "INT8",
                "UINT16",
                "UINT8",
                "INT4",
                "UINT4",
                "QINT32",
                "QINT16",
                "QINT8",
                "QUINT16",
                "QUINT8",
            ]
        ),
        ("int64_val", "<i8", 1, False): ["INT64"],
        ("uint32_val", "<u4", 1, False): ["UINT32"],
        ("uint64_val", "<u8", 1, False): ["UINT64"],
        ("half_val", "<i4", 1, False): ["HALF", "BFLOAT16"],
        ("float8_val", "u1", 1, True): (
            ["FLOAT8_E5M2", "FLOAT8_E4M3FN", "FLOAT8_E4M3FNUZ", "FLOAT8_E4M3B11FNUZ", "FLOAT8_E5M2FNUZ"]
        ),
        ("string_val", "O", 1, False): ["STRING"],
    }
    names = {"FLOAT32": "float", "FLOAT64": "double", "FLOAT16": "half"}
    kinds = {}
    for (field, wire, per_value, packed), members in by_field.items():
        for member in members:
            enum = types_pb2.DataType.Value(f"DT_{member}")
            tf_dtype = dtypes.as_dtype(enum)
            kinds[enum] = Kind(
                enum,
                names.get(tf_dtype.name.upper(), tf_dtype.name),
                np.dtype(tf_dtype.as_numpy_dtype),
                field,
                TensorProto.DESCRIPTOR.fields_by_name[field].number,
                np.dtype(wire),
                per_value,
                packed,
            )
    return kinds


KINDS = _kinds()
"""DataType -> its kind; resources, variants and references are no values that can be sent."""

_KIND_OF_DTYPE = {kind.dtype: kind for kind in KINDS.values()}
STRING = KINDS[types_pb2.DT_STRING]


class BadTensor(ValueError):
    """The proto is no tensor: its dtype, shape or number of bytes is wrong."""


def dtype_name(enum: int) -> str:
    """The dtype as TensorFlow's messages name it: `float`, `int64`, `string`."""
    kind = KINDS.get(enum)
    return kind.name if kind else f"unknown dtype enum ({enum})"


def data_type_name(enum: int) -> str:
    """The dtype as protobuf names it: `DT_FLOAT`."""
    return types_pb2.DataType.Name(enum)


def kind_of(array: np.ndarray) -> Kind:
    """The TensorFlow dtype of an array; arrays of str, bytes and objects are strings."""
    kind = _KIND_OF_DTYPE.get(array.dtype)
    if kind is None:
        if array.dtype.kind in "SU":
            return STRING
        raise BadTensor(f"no TensorFlow dtype for numpy's {array.dtype}")
    return kind
