"""Why a JSON value is no tensor: TF Serving's own check, value by value, with its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2

from serving.errors import ServingError, invalid_argument
from serving.json_arrays import INTEGERS, LARGEST_WHOLE, MOST_DIMENSIONS, decode_base64, is_base64
from serving.json_text import FLOAT_MAX, type_name, value_text
from serving.shapes import shown
from serving.tensor_kinds import dtype_name


def fault_of_value(value: Any, dtype: int) -> ServingError:
    """The first fault of a value that can not be a tensor of the DataType."""
    try:
        _check(value, _shape(value), 0, dtype)
    except ServingError as error:
        return error
    return ServingError(
        grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON values to type: {dtype_name(dtype)}"
    )


def fault_of_rows(rows: Sequence[Any], dtypes: Mapping[str, int]) -> ServingError:
    """The first fault of `instances` that can not become the tensors of the names."""
    try:
        _check_rows(rows, dtypes)
    except ServingError as error:
        return error
    return fault_of_value([], next(iter(dtypes.values())))


def is_row_object(row: Any) -> bool:
    """Whether a row names its inputs."""
    return type(row) is dict and not is_base64(row)


def lossy(value: Any, target: str) -> ServingError:
    """The number does not fit into a float, or would be rounded."""
    return invalid_argument(
        f"Cannot convert JSON value: {value_text(value)} to {target} without loss of precision."
    )


def is_lossless(value: float, dtype: int) -> bool:
    """Whether a number may be taken for a DT_FLOAT or DT_DOUBLE, as TF Serving sees it."""
    if type(value) is int:
        return abs(value) <= LARGEST_WHOLE[dtype]
    return dtype == types_pb2.DT_DOUBLE or not np.isfinite(value) or abs(value) <= FLOAT_MAX


def _check_rows(rows: Sequence[Any], dtypes: Mapping[str, int]) -> None:
    named = is_row_object(rows[0])
    shapes: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if named != is_row_object(row):
            expected, got = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(f"Expecting {expected} but got {got} at item {index} of input list")
        if not named:
            _check_item(row, next(iter(dtypes)), dtypes, shapes, f"element: {index}")
            continue
        for name, value in row.items():
            _check_item(value, name, dtypes, shapes, f"element: {index} key: {name}")
        if row.keys() != dtypes.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {value_text(row)} "
                f"keys must be equal to: {','.join(sorted(dtypes))}"
            )


def _check_item(
    value: Any, name: str, dtypes: Mapping[str, int], shapes: dict[str, list[int]], place: str
) -> None:
    try:
        if name not in dtypes:
            raise invalid_argument(f"JSON object: does not have named input: {name}")
        shape = _shape(value)
        _check(value, shape, 0, dtypes[name])
        first = shapes.setdefault(name, shape)
        if np.prod(first) != np.prod(shape):
            raise invalid_argument(
                f"Expecting tensor size: {int(np.prod(first))} but got: {int(np.prod(shape))}"
            )
        if first != shape:
            raise invalid_argument(f"Expecting shape {shown(first)} but got: {shown(shape)}")
    except ServingError as error:
        raise invalid_argument(
            f"Failed to process {place} of 'instances' list. Error: {error.code.name}: {error.message}"
        ) from None


def _shape(value: Any) -> list[int]:
    """The shape that the first elements tell."""
    shape = []
    while type(value) is list:
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > MOST_DIMENSIONS:
        raise invalid_argument(f"Encountered {len(shape)} nested lists, expected at most {MOST_DIMENSIONS}")
    return shape


def _check(value: Any, shape: list[int], level: int, dtype: int) -> None:
    if type(value) is not list:
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {value_text(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        _check_leaf(value, dtype)
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _check(item, shape, level + 1, dtype)


def _check_leaf(value: Any, dtype: int) -> None:
    if type(value) is dict and dtype == types_pb2.DT_STRING:
        if not is_base64(value):
            raise invalid_argument(f"JSON Value: {value_text(value)} not formatted correctly for base64 data")
        if decode_base64(value["b64"]) is None:
            raise invalid_argument("Unable to base64 decode")
        return
    if type(value) is not dict and not _is_supported(dtype):
        raise ServingError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Conversion of JSON Value: {value_text(value)} to type: {dtype_name(dtype)}",
        )
    if not _is_of_type(value, dtype):
        raise invalid_argument(
            f"JSON Value: {value_text(value)} Type: {type_name(value)} "
            f"is not of expected type: {dtype_name(dtype)}"
        )
    if dtype in LARGEST_WHOLE and not is_lossless(value, dtype):
        raise lossy(value, dtype_name(dtype))


def _is_supported(dtype: int) -> bool:
    return dtype in LARGEST_WHOLE or dtype in INTEGERS or dtype in (types_pb2.DT_STRING, types_pb2.DT_BOOL)


def _is_of_type(value: Any, dtype: int) -> bool:
    if dtype in LARGEST_WHOLE:
        return type(value) in (int, float)
    if dtype in INTEGERS:
        limits = np.iinfo(INTEGERS[dtype])
        return type(value) is int and int(limits.min) <= value <= int(limits.max)
    return type(value) is (bool if dtype == types_pb2.DT_BOOL else str)
