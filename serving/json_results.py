"""Answers -> TF Serving's JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import orjson
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from serving.errors import ServingError, invalid_argument
from serving.json_floats import written_as
from serving.tensor_kinds import BadTensor, kind_of

PIECE = 2**18
"""Numbers that are formatted at once: a few milliseconds, in which no other thread runs."""

_WRITABLE = {"float", "double", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"}


def rows_json(outputs: Mapping[str, np.ndarray]) -> bytes:
    """`{"predictions": [...]}`: a value or list per row, or an object per row when there are several outputs.

    Numbers with a fraction are written with as many digits as bring them back exactly (see
    `serving.json_floats`), whole ones as `3.0`. Raises INVALID_ARGUMENT when an output has no rows, or another number of them.
    """
    _check_batch(outputs)
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return b'{"predictions": %b}' % array_json(name, array)
    columns = [
        [b"%b: %b" % (_text(name.encode()), value) for value in _row_values(name, array)]
        for name, array in sorted(outputs.items())
    ]
    rows = [b"{%b}" % b", ".join(row) for row in zip(*columns, strict=True)]
    return b'{"predictions": [%b]}' % b", ".join(rows)


def columns_json(outputs: Mapping[str, np.ndarray]) -> bytes:
    """`{"outputs": ...}`: the only output, or an object of all by name."""
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    columns = [(name, array_json(name, array)) for name, array in sorted(outputs.items())]
    if len(columns) == 1:
        return b'{"outputs": %b}' % columns[0][1]
    members = [b"%b: %b" % (_text(name.encode()), value) for name, value in columns]
    return b'{"outputs": {%b}}' % b", ".join(members)


def array_json(name: str, array: np.ndarray) -> bytes:
    """A tensor as nested lists; strings of a name that ends in `_bytes` as `{"b64": ...}`.

    Strings that are not UTF-8 are written as they are, as TF Serving does: such an output should be named so.
    Raises INVALID_ARGUMENT for a dtype that TF Serving has no JSON for.
    """
    if _is_plain(array):
        if array.size <= PIECE or array.ndim == 0 or len(array) == 1:
            return _numbers(array)
        step = max(1, PIECE * len(array) // array.size)
        pieces = [_numbers(array[start : start + step])[1:-1] for start in range(0, len(array), step)]
        return b"[%b]" % b",".join(pieces)
    return nested(_tokens(name, array), array.shape)


def nested(tokens: Sequence[bytes], shape: Sequence[int]) -> bytes:
    """JSON values in row-major order as nested lists."""
    for axis in reversed(range(len(shape))):
        size = shape[axis]
        starts = range(0, size * math.prod(shape[:axis]), size) if size else [0] * math.prod(shape[:axis])
        tokens = [b"[%b]" % b",".join(tokens[start : start + size]) for start in starts]
    return tokens[0]


def classification_json(result: ClassificationResult) -> bytes:
    """`{"results": [[["label", score], ...], ...]}`, a list per example."""
    if not result.classifications:
        raise invalid_argument("Cannot convert empty ClassificationResults to JSON")
    per_example = [
        [
            b"[%b,%b]" % (_text(one.label.encode()), score)
            for one, score in zip(each.classes, _floats(one.score for one in each.classes), strict=True)
        ]
        for each in result.classifications
    ]
    return b'{"results": [%b]}' % b", ".join(b"[%b]" % b",".join(pairs) for pairs in per_example)


def regression_json(result: RegressionResult) -> bytes:
    """`{"results": [number, ...]}`, one per example."""
    if not result.regressions:
        raise invalid_argument("Cannot convert empty RegressionResults to JSON")
    return b'{"results": [%b]}' % b", ".join(_floats(one.value for one in result.regressions))


def status_json(response: GetModelStatusResponse) -> bytes:
    """A status response, fields with their default too."""
    return _indented(_message(response))


def metadata_json(response: GetModelMetadataResponse) -> bytes:
    """A metadata response: `model_spec`, and `metadata` with `signature_def` unpacked."""
    signatures = SignatureDefMap()
    if not response.metadata["signature_def"].Unpack(signatures):
        raise ServingError(grpc.StatusCode.INTERNAL, "Failed to unpack 'Any' object to 'SignatureDefMap'.")
    return _indented(
        {"model_spec": _message(response.model_spec), "metadata": {"signature_def": _message(signatures)}}
    )


def error_json(message: str) -> bytes:
    """`{"error": "..."}`."""
    return b'{ "error": %b }' % _text(message.encode("utf-8", "replace"))


def _check_batch(outputs: Mapping[str, np.ndarray]) -> None:
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    expected = -1
    for name, array in sorted(outputs.items()):
        if not array.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if expected not in (-1, len(array)):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {expected}"
            )
        expected = len(array)


def _row_values(name: str, array: np.ndarray) -> list[bytes]:
    if not _is_plain(array):
        tokens = _tokens(name, array)
        size = math.prod(array.shape[1:])
        return [nested(tokens[row * size : (row + 1) * size], array.shape[1:]) for row in range(len(array))]
    if array.ndim > 1:
        return [_numbers(row) for row in array]
    return _numbers(array)[1:-1].split(b",") if len(array) else []


def _is_plain(array: np.ndarray) -> bool:
    """Whether the tensor holds numbers or booleans, all finite."""
    if array.dtype.kind == "f" and array.dtype.itemsize != 2:
        return bool(np.isfinite(array).all())
    return array.dtype.kind in "biu" and array.dtype != np.uint16


def _numbers(array: np.ndarray) -> bytes:
    flat = written_as(array) if array.dtype == np.float32 else np.ascontiguousarray(array)
    if not array.ndim:
        return orjson.dumps(flat.reshape(1), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)


def _tokens(name: str, array: np.ndarray) -> list[bytes]:
    """The values of a tensor one by one, in row-major order."""
    try:
        kind = kind_of(array).name
    except BadTensor:
        kind = str(array.dtype)
    flat = np.ravel(array)
    if kind == "string":
        texts = [text.encode() if isinstance(text, str) else bytes(text) for text in flat.tolist()]
        return list(map(_base64 if name.endswith("_bytes") else _text, texts))
    if kind not in _WRITABLE:
        raise invalid_argument(f"Failed to write JSON value for tensor type: {kind}")
    if not flat.size:
        return []
    finite = np.isfinite(flat)
    tokens = _numbers(np.where(finite, flat, flat.dtype.type(0)))[1:-1].split(b",")
    for index in np.flatnonzero(~finite).tolist():
        value = flat[index]
        tokens[index] = b"NaN" if np.isnan(value) else b"Infinity" if value > 0 else b"-Infinity"
    return tokens


def _floats(values: Iterable[float]) -> list[bytes]:
    return _tokens("", np.fromiter(values, np.float32))


def _text(text: bytes) -> bytes:
    try:
        return orjson.dumps(text.decode())
    except UnicodeDecodeError:
        decoded = text.decode("utf-8", "surrogateescape")
        return json.dumps(decoded, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _base64(text: bytes) -> bytes:
    return b'{"b64": "%b"}' % base64.b64encode(text)


def _message(message: Any) -> dict[str, Any]:
    printed: dict[str, Any] = MessageToDict(
        message, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
    )
    return printed


def _indented(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"
