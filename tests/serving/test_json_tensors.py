"""Predict requests in JSON -> arrays: TF Serving's own cases, and every refusal with its message."""

from __future__ import annotations

import json
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from serving.errors import ServingError
from serving.json_document import parse_object
from serving.json_tensors import request_arrays, signature_name

FLOAT, DOUBLE, STRING, BOOL = (
    types_pb2.DT_FLOAT,
    types_pb2.DT_DOUBLE,
    types_pb2.DT_STRING,
    types_pb2.DT_BOOL,
)
INT32, INT64, UINT8, UINT64 = types_pb2.DT_INT32, types_pb2.DT_INT64, types_pb2.DT_UINT8, types_pb2.DT_UINT64


def arrays(body: str | bytes, **dtypes: int) -> dict[str, np.ndarray]:
    return request_arrays(parse_object(body.encode() if isinstance(body, str) else body), dtypes)


def single(body: str | bytes, dtype: int) -> np.ndarray:
    return arrays(body, x=dtype)["x"]


def refusal(body: str | bytes, code: str = "INVALID_ARGUMENT", **dtypes: int) -> str:
    with pytest.raises(ServingError) as error:
        arrays(body, **dtypes)
    assert error.value.code is grpc.StatusCode[code]
    return error.value.message


def same(array: np.ndarray, dtype: Any, expected: Any) -> None:
    assert array.dtype == dtype
    assert array.shape == np.shape(expected)
    assert array.tolist() == expected


def test_rows_of_one_input_go_without_its_name() -> None:
    same(single('{"instances": [[1,2],[3,4],[5,6]]}', INT32), np.int32, [[1, 2], [3, 4], [5, 6]])
    same(single('{"instances": [1, 2]}', INT32), np.int32, [1, 2])
    same(single('{"instances": [{"x": [1]}, {"x": [2]}]}', INT32), np.int32, [[1], [2]])


def test_rows_of_several_inputs_name_them() -> None:
    found = arrays(
        """{"instances": [
            {"int": [[1,2],[3,4],[5,6]], "str": ["foo", "bar"], "float": [1.0, NaN], "dbl": [NaN]},
            {"dbl": [2.0], "int": [[7,8],[9,0],[1,2]], "str": ["baz", "bat"], "float": [2.0, Infinity]}]}""",
        int=INT32,
        str=STRING,
        float=FLOAT,
        dbl=DOUBLE,
    )
    same(found["int"], np.int32, [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]])
    same(found["str"], object, [[b"foo", b"bar"], [b"baz", b"bat"]])
    np.testing.assert_array_equal(found["float"], np.array([[1, np.nan], [2, np.inf]], np.float32))
    np.testing.assert_array_equal(found["dbl"], [[np.nan], [2]])


def test_columns_may_have_any_shape() -> None:
    body = """{"inputs": {"int": [[[1,2],[3,4],[5,6]]], "str": ["foo", "bar"],
               "bin": {"b64": "aGVsbG8="}, "not in the signature": 1}}"""
    found = arrays(body, int=INT32, str=STRING, bin=STRING)
    same(found["int"], np.int32, [[[1, 2], [3, 4], [5, 6]]])
    same(found["str"], object, [b"foo", b"bar"])
    assert (found["bin"].shape, found["bin"].item()) == ((), b"hello")
    assert found.keys() == {"int", "str", "bin"}
    same(single('{"inputs": [[[1,2],[3,4]]]}', INT32), np.int32, [[[1, 2], [3, 4]]])
    same(single('{"inputs": 3}', FLOAT), np.float32, 3.0)


def test_empty_lists_are_tensors_without_values() -> None:
    assert single('{"inputs": []}', FLOAT).shape == (0,)
    assert single('{"inputs": [[], []]}', STRING).shape == (2, 0)
    assert single('{"instances": [[[]], [[]]]}', INT64).shape == (2, 1, 0)


@pytest.mark.parametrize(("dtype", "kind"), [(FLOAT, np.float32), (DOUBLE, np.float64)])
def test_whole_numbers_and_tokens_are_floats(dtype: int, kind: type) -> None:
    found = single('{"instances": [1, 2.0, -3, 5.003, 0.007, 1e3, NaN, Infinity, -Infinity, -0.0]}', dtype)
    expected = np.array([1, 2, -3, 5.003, 0.007, 1000, np.nan, np.inf, -np.inf, -0.0], kind)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, expected)
    assert np.signbit(found[-1])


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (types_pb2.DT_INT8, np.int8),
        (types_pb2.DT_INT16, np.int16),
        (INT32, np.int32),
        (INT64, np.int64),
        (UINT8, np.uint8),
        (types_pb2.DT_UINT32, np.uint32),
        (UINT64, np.uint64),
    ],
)
def test_integers_reach_to_their_limits_and_no_further(dtype: int, kind: type) -> None:
    limits = np.iinfo(kind)
    same(single(f'{{"inputs": [{limits.min}, {limits.max}]}}', dtype), kind, [limits.min, limits.max])
    for value in (int(limits.min) - 1, int(limits.max) + 1):
        message = refusal(f'{{"inputs": [0, {value}]}}', x=dtype)
        assert message.startswith("JSON Value: ")
        assert message.endswith(f" Type: Number is not of expected type: {np.dtype(kind).name}")


def test_strings_keep_their_bytes() -> None:
    body = '{"instances": ["ä\\u0000", {"b64": "aGVsbG8="}, {"b64": "aGVs bG8"}, {"b64": ""}, ""]}'
    same(single(body, STRING), object, ["ä\0".encode(), b"hello", b"hello", b"", b""])
    same(single(b'{"instances": ["\xff\xfe", "b64"]}', STRING), object, [b"\xff\xfe", b"b64"])


def test_booleans() -> None:
    same(single('{"instances": [[true, false]]}', BOOL), np.bool_, [[True, False]])


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ('"a"', FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ("true", FLOAT, "JSON Value: true Type: True is not of expected type: float"),
        ("null", DOUBLE, "JSON Value: null Type: Null is not of expected type: double"),
        ('{"a": 1}', FLOAT, 'JSON Value: {\n    "a": 1\n} Type: Object is not of expected type: float'),
        ("1.0", INT32, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ("1e2", INT64, "JSON Value: 100.0 Type: Number is not of expected type: int64"),
        ("NaN", INT64, "JSON Value: NaN Type: Number is not of expected type: int64"),
        ("false", UINT8, "JSON Value: false Type: False is not of expected type: uint8"),
        ("300", UINT8, "JSON Value: 300 Type: Number is not of expected type: uint8"),
        ("1", BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("1", STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        (
            '{"b64": 5}',
            STRING,
            'JSON Value: {\n    "b64": 5\n} not formatted correctly for base64 data',
        ),
        ('{"b64": "a!"}', STRING, "Unable to base64 decode"),
        ('{"b64": "aGVsbG8=="}', STRING, "Unable to base64 decode"),
        (
            "1.7976931348623157e308",
            FLOAT,
            "Cannot convert JSON value: 1.7976931348623157e+308 to float without loss of precision.",
        ),
        ("16777216", FLOAT, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ("-16777217", FLOAT, "Cannot convert JSON value: -16777217 to float without loss of precision."),
        (
            "9007199254740993",
            DOUBLE,
            "Cannot convert JSON value: 9007199254740993 to double without loss of precision.",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(value: str, dtype: int, message: str) -> None:
    good = {FLOAT: "1.5", DOUBLE: "1.5", BOOL: "true", STRING: '"a"'}.get(dtype, "1")
    assert refusal(f'{{"inputs": [{value}]}}', x=dtype) == message
    assert refusal(f'{{"inputs": [[{good}], [{value}]]}}', x=dtype) == message
    # A whole object would name inputs, were it the first row.
    assert refusal(f'{{"instances": [[{good}], [{value}]]}}', x=dtype) == (
        f"Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: {message}"
    )


def test_the_largest_float_is_taken_and_what_would_be_rounded_to_it_is_not() -> None:
    assert single('{"inputs": [3.4028234663852886e38, 16777215]}', FLOAT).tolist() == [
        3.4028234663852886e38,
        16777215.0,
    ]
    for values in (
        "3.4028235e38",
        "NaN, 1e300",
        "-1e300, NaN",
        "Infinity, 1, -1e300",
        "1e300" + ", 1.5" * 99,
    ):
        assert "loss of precision" in refusal(f'{{"inputs": [{values}]}}', x=FLOAT)
    assert single('{"inputs": [16777217.0]}', FLOAT).tolist() == [16777216.0]


@pytest.mark.parametrize("dtype", ["HALF", "BFLOAT16", "UINT16", "COMPLEX64"])
def test_types_without_json_are_unimplemented(dtype: str) -> None:
    enum = types_pb2.DataType.Value(f"DT_{dtype}")
    assert refusal('{"inputs": [1]}', "UNIMPLEMENTED", x=enum) == (
        f"Conversion of JSON Value: 1 to type: {dtype.lower()}"
    )
    assert refusal('{"inputs": []}', "UNIMPLEMENTED", x=enum).endswith(f"to type: {dtype.lower()}")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[[1,2],[3,4],[5,6,7]]", "element: 2 {}Expecting tensor size: 2 but got: 3"),
        ("[[1,2],[3,4],[[5,6]]]", "element: 2 {}Expecting shape [2] but got: [1,2]"),
        ("[1, [1]]", "element: 1 {}Expecting shape [] but got: [1]"),
        (
            "[[[1], [2, 3]]]",
            "element: 0 {}Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
        ("[[1, [2]]]", "element: 0 {}Encountered list at unexpected level: 1 expected < 1"),
        (
            "[[[1], 2]]",
            "element: 0 {}JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
    ],
)
def test_ragged_rows_are_refused(rows: str, message: str) -> None:
    where = "of 'instances' list. Error: INVALID_ARGUMENT: "
    assert refusal(f'{{"instances": {rows}}}', x=INT32) == f"Failed to process {message.format(where)}"


def test_ragged_columns_are_refused() -> None:
    assert refusal('{"inputs": [[1, 2], [3]]}', x=INT32) == (
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "[1]",
            "instances is a plain list, but expecting list of objects as multiple input tensors required "
            "as per tensorinfo_map",
        ),
        ('[{"a": 1, "b": 2}, [1]]', "Expecting object but got list at item 1 of input list"),
        (
            '[{"a": 1}]',
            "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} "
            "keys must be equal to: a,b",
        ),
        (
            '[{"a": 1, "b": 2}, {"a": 1, "c": 2}]',
            "Failed to process element: 1 key: c of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: c",
        ),
        (
            '[{"a": [1, 2], "b": 2}, {"a": [1], "b": 3}]',
            "Failed to process element: 1 key: a of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting tensor size: 2 but got: 1",
        ),
    ],
)
def test_rows_name_each_input(rows: str, message: str) -> None:
    assert refusal(f'{{"instances": {rows}}}', a=INT32, b=INT32) == message


def test_rows_are_all_named_or_none() -> None:
    assert refusal('{"instances": [["a"], {"x": ["a"]}]}', x=STRING) == (
        "Expecting value/list but got object at item 1 of input list"
    )


def test_columns_name_each_input() -> None:
    assert refusal('{"inputs": {"a": 1}}', a=INT32, b=INT32) == "Missing named input: b in 'inputs' object."
    assert refusal('{"inputs": [1]}', a=INT32, b=INT32) == (
        "inputs is a plain value/list, but expecting an object as multiple input tensors required "
        "as per tensorinfo_map"
    )


def test_a_request_has_rows_or_columns() -> None:
    assert refusal("{}", x=INT32) == "Missing 'inputs' or 'instances' key"
    assert refusal('{"instances": [1], "inputs": 1}', x=INT32) == (
        'JSON Value: {\n    "instances": [\n        1\n    ],\n    "inputs": 1\n} Not formatted correctly '
        "expecting only one of 'inputs' or 'instances' keys to exist "
    )
    assert refusal('{"instances": 5}', x=INT32) == (
        "JSON Value: {\n    \"instances\": 5\n} Excepting 'instances' to be an list/array"
    )
    assert refusal('{"instances": []}', x=INT32) == (
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"
    )
    assert refusal('{"instances": [1]}') == "Failed to get input map for signature: DEFAULT"
    assert refusal('{"signature_name": "s", "inputs": 1}') == "Failed to get input map for signature: s"


def test_the_signature_is_a_string() -> None:
    assert signature_name({}) == ""
    assert signature_name({"signature_name": "s"}) == "s"
    with pytest.raises(ServingError, match=r"'signature_name' key must be a string value\.$"):
        signature_name({"signature_name": 5})


def test_deep_lists_are_refused_without_recursion() -> None:
    nested = "[" * 65 + "1" + "]" * 65
    assert refusal(f'{{"inputs": {nested}}}', x=INT32) == "Encountered 65 nested lists, expected at most 64"
    assert single(f'{{"inputs": {nested[1:-1]}}}', INT32).shape == (1,) * 64
    sloping = "[" * 900 + "]" * 900
    assert "nested lists" in refusal(f'{{"instances": [1, {sloping}]}}', x=INT32)


def test_large_numbers_of_values_are_quick() -> None:
    rows = np.arange(600_000).reshape(200, 3000) / 7
    found = single(json.dumps({"instances": rows.tolist()}), DOUBLE)
    np.testing.assert_array_equal(found, rows)
