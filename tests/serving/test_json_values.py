"""Values on their way to TF Serving's JSON and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serving.json_values import from_json, to_array, to_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([[1, 2], [3, 4]], np.int64), [[1, 2], [3, 4]]),
        (np.float32(0.5), 0.5),
        (np.array(["a", "b"]), ["a", "b"]),
        (b"\x00\xff", {"b64": "AP8="}),
        (np.array([b"\xff\x00", b"a"], object), [{"b64": "/wA="}, {"b64": "YQ=="}]),
        ({"x": (1, b"a"), "y": None}, {"x": [1, {"b64": "YQ=="}], "y": None}),
    ],
)
def test_to_json(value: Any, expected: Any) -> None:
    assert to_json(value) == expected
    json.dumps(to_json(value))


def test_bytes_come_back() -> None:
    value = {"x": [b"\x00\xff", "text", 1.5], "y": {"b64": "no bytes", "more": 1}}
    assert from_json(to_json(value)) == value


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([[1.0], [float("nan")]], "DT_FLOAT", np.array([[1.0], [np.nan]], np.float32)),
        ([1, -(2**63)], "DT_INT64", np.array([1, -(2**63)], np.int64)),
        ([True, False], "DT_BOOL", np.array([True, False])),
        (3.5, "DT_DOUBLE", np.array(3.5)),
    ],
)
def test_numbers_as_arrays(value: Any, dtype: str, expected: np.ndarray) -> None:
    array = to_array(value, dtype)
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


def test_strings_as_arrays_of_bytes() -> None:
    array = to_array([["é", {"b64": "AP8A"}], ["", "b"]], "DT_STRING")
    assert array.dtype == object
    assert array.tolist() == [["é".encode(), b"\x00\xff\x00"], [b"", b"b"]]
    assert to_array([], "DT_STRING").shape == (0,)
    assert to_array("a", "DT_STRING").item() == b"a"
