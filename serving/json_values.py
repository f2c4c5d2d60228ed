"""Python and numpy values as TF Serving's JSON, and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

DTYPES: dict[str, Any] = {
    "DT_BOOL": np.bool_,
    "DT_DOUBLE": np.float64,
    "DT_FLOAT": np.float32,
    "DT_HALF": np.float16,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT8": np.uint8,
    "DT_UINT16": np.uint16,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
    "DT_STRING": object,
}


def to_json(value: Any) -> Any:
    """Arrays become lists, bytes become `{"b64": ...}`; what JSON knows already stays."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (np.ndarray, np.generic)):
        return to_json(value.tolist()) if value.dtype.kind in "OSU" else value.tolist()
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(value: Any) -> Any:
    """`{"b64": ...}` becomes bytes again."""
    if isinstance(value, dict):
        if value.keys() == {"b64"}:
            return base64.b64decode(value["b64"])
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def to_array(value: Any, dtype: str) -> np.ndarray:
    """An output tensor as an array of its dtype (`DT_FLOAT`, ...); strings as an object array of bytes."""
    if dtype != "DT_STRING":
        return np.asarray(value, DTYPES[dtype])
    return _objects(_as_bytes(from_json(value)))


def _as_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_bytes(item) for item in value]
    return value.encode("utf-8") if isinstance(value, str) else value


def _objects(value: Any) -> np.ndarray:
    """Numpy would make an array of fixed-length bytes, which loses trailing zero bytes."""
    array = np.empty(_shape(value), object)
    for index in np.ndindex(array.shape):
        item = value
        for i in index:
            item = item[i]
        array[index] = item
    return array


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return (len(value), *(_shape(value[0]) if value else ()))
