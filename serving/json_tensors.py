"""A predict request in JSON -> arrays by input name, in row or column format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.errors import ServingError, invalid_argument
from serving.json_arrays import Irregular, is_base64, to_array
from serving.json_document import parse_object
from serving.json_faults import fault_of_rows, fault_of_value, is_row_object
from serving.json_pieces import SMALLEST, Numbers
from serving.json_text import value_text


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request asks for, "" for the default. Raises INVALID_ARGUMENT."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {value_text(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def is_in_rows(document: Mapping[str, Any]) -> bool:
    """Whether a predict request holds rows (`instances`), not columns (`inputs`). Raises INVALID_ARGUMENT."""
    if "instances" not in document:
        if "inputs" not in document:
            raise invalid_argument("Missing 'inputs' or 'instances' key")
        return False
    if "inputs" in document:
        raise invalid_argument(
            f"JSON Value: {value_text(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    return True


def request_arrays(document: Mapping[str, Any], dtypes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The inputs of a predict request, by name; strings are object arrays of bytes.

    `dtypes` has the DataType of each input of the signature. Rows become the 0th dimension. An
    input that is alone may go without its name. Raises ServingError with TF Serving's messages.
    """
    if not dtypes:
        raise invalid_argument(
            f"Failed to get input map for signature: {signature_name(document) or 'DEFAULT'}"
        )
    if not is_in_rows(document):
        return _from_columns(document["inputs"], dtypes)
    rows = document["instances"]
    if type(rows) is Numbers and len(dtypes) == 1:
        return _from_columns(rows, dtypes)
    if not isinstance(rows, list):
        raise invalid_argument(
            f"JSON Value: {value_text(document)} Excepting 'instances' to be an list/array"
        )
    if not rows:
        raise invalid_argument(f"JSON Value: {value_text(document)} No values in 'instances' array")
    return _from_rows(rows, dtypes)


def _from_rows(rows: list[Any], dtypes: Mapping[str, int]) -> dict[str, np.ndarray]:
    first = rows[0]
    if type(first) is not dict and len(dtypes) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required "
            "as per tensorinfo_map"
        )
    try:
        if not is_row_object(first):
            name, dtype = next(iter(dtypes.items()))
            return {name: to_array(rows, dtype)}
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(dtypes)}:
            raise Irregular
        return {name: to_array([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}
    except (Irregular, KeyError):
        raise fault_of_rows(rows, dtypes) from None


def _from_columns(columns: Any, dtypes: Mapping[str, int]) -> dict[str, np.ndarray]:
    if type(columns) is dict and not is_base64(columns):
        for name in dtypes:
            if name not in columns:
                raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        return {name: _array(columns[name], dtype) for name, dtype in dtypes.items()}
    if len(dtypes) > 1:
        raise invalid_argument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required "
            "as per tensorinfo_map"
        )
    name, dtype = next(iter(dtypes.items()))
    return {name: _array(columns, dtype)}


def _array(value: Any, dtype: int) -> np.ndarray:
    try:
        return to_array(value, dtype)
    except Irregular:
        raise fault_of_value(value, dtype) from None


def arrays_of_body(
    body: bytes, document: Mapping[str, Any], dtypes: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """As `request_arrays`, of a document that was parsed in pieces; its body tells faults more precisely."""
    try:
        return request_arrays(document, dtypes)
    except ServingError:
        if len(body) <= SMALLEST:
            raise
    return request_arrays(parse_object(body), dtypes)
