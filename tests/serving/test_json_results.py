"""Answers as JSON: TF Serving's own cases, numbers that come back exactly, and what can not be written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from serving import json_results
from serving.errors import ServingError
from serving.json_results import (
    classification_json,
    columns_json,
    error_json,
    metadata_json,
    regression_json,
    rows_json,
    status_json,
)
from serving.json_text import decimal_text


def strings(*values: Any) -> np.ndarray:
    return np.array(values, object)


INTS = np.array([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]], np.int32)
SEVERAL = {
    "str": strings([b"foo", b"bar"], [b"baz", b"bat"]),
    "int": INTS,
    "double": np.array([8.0, 9.0]),
    "float": np.array([[1.0], [np.nan]], np.float32),
    "str_bytes": strings([b"hello", b"world"], [b"tf", b"serving"]),
}


def test_one_output_goes_without_its_name() -> None:
    assert rows_json({"x": INTS}) == b'{"predictions": [[[1,2],[3,4],[5,6]],[[7,8],[9,0],[1,2]]]}'
    assert columns_json({"x": INTS}) == b'{"outputs": [[[1,2],[3,4],[5,6]],[[7,8],[9,0],[1,2]]]}'
    assert columns_json({"x": np.array(2.5, np.float32)}) == b'{"outputs": 2.5}'
    assert columns_json({"x": np.array(np.nan)}) == b'{"outputs": NaN}'
    assert columns_json({"x": strings(b"a").reshape(())}) == b'{"outputs": "a"}'


def test_several_outputs_are_objects() -> None:
    assert rows_json(SEVERAL) == (
        b'{"predictions": [{"double": 8.0, "float": [1.0], "int": [[1,2],[3,4],[5,6]], '
        b'"str": ["foo","bar"], "str_bytes": [{"b64": "aGVsbG8="},{"b64": "d29ybGQ="}]}, '
        b'{"double": 9.0, "float": [NaN], "int": [[7,8],[9,0],[1,2]], '
        b'"str": ["baz","bat"], "str_bytes": [{"b64": "dGY="},{"b64": "c2VydmluZw=="}]}]}'
    )
    columns = json.loads(columns_json(SEVERAL))["outputs"]
    assert list(columns) == ["double", "float", "int", "str", "str_bytes"]
    assert columns["double"] == [8.0, 9.0]
    assert columns["int"] == INTS.tolist()
    assert columns["str_bytes"][1] == [{"b64": "dGY="}, {"b64": "c2VydmluZw=="}]


def test_rows_of_scalars_and_names_that_need_quoting() -> None:
    outputs = {'a"ä': np.array([1, 2]), "b": strings(b"x", b"y"), "c": np.array([True, False])}
    assert json.loads(rows_json(outputs)) == {
        "predictions": [{'a"ä': 1, "b": "x", "c": True}, {'a"ä': 2, "b": "y", "c": False}]
    }


def test_no_rows_are_an_empty_list() -> None:
    assert rows_json({"x": np.zeros((0, 2), np.int32)}) == b'{"predictions": []}'
    assert rows_json({"x": np.zeros((0, 2)), "s": np.zeros((0, 1), object)}) == b'{"predictions": []}'
    assert rows_json({"x": np.zeros(0), "y": np.zeros((0, 3))}) == b'{"predictions": []}'
    assert rows_json({"x": np.zeros((2, 0))}) == b'{"predictions": [[],[]]}'
    assert rows_json({"s": np.zeros((2, 0, 3), object)}) == b'{"predictions": [[],[]]}'
    assert rows_json({"s": np.zeros((1, 2, 0), object)}) == b'{"predictions": [[[],[]]]}'


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_come_back_exactly(dtype: type) -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**63, 20_000, dtype=np.int64)
    values = bits.view(dtype)
    values = values[np.isfinite(values)]
    again = np.array(json.loads(rows_json({"x": values}))["predictions"], np.float64).astype(dtype)
    np.testing.assert_array_equal(again, values)


def test_whole_numbers_show_that_they_are_floats() -> None:
    values = np.array([3, 9000000, 999999, -0.0, 0.1, 1e20], np.float32)
    assert columns_json({"x": values}) == b'{"outputs": [3.0,9000000.0,999999.0,-0.0,0.1,1e+20]}'


def test_tokens_of_numbers_that_are_not_finite() -> None:
    values = np.array([[np.nan, np.inf], [3, -np.inf]], np.float32)
    assert rows_json({"x": values}) == b'{"predictions": [[NaN,Infinity],[3.0,-Infinity]]}'


def test_floats_have_the_digits_that_tf_serving_writes() -> None:
    random = np.random.default_rng(1)
    bits = random.integers(0, 2**32, 5000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    halves = np.arange(30_000, dtype=np.float32) / 16
    for values in (bits[np.isfinite(bits)], halves, random.random(1000, np.float32) * 1e5, halves[:7] / 3):
        usual = values[(np.abs(values) >= 1e-13) & (np.abs(values) < 1e22)]
        written = json.loads(rows_json({"x": usual}))["predictions"]
        assert written == [float(decimal_text(float(value))) for value in usual]
    assert columns_json({"x": np.array([16384.0625, 1 / 3, 1e-40], np.float32)}) == (
        b'{"outputs": [16384.0625,0.333333343,9.99995e-41]}'
    )
    tiny = np.full(100, 1.2345678e-20, np.float32)
    again = np.array(json.loads(rows_json({"x": tiny}))["predictions"]).astype(np.float32)
    np.testing.assert_array_equal(again, tiny)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64])
def test_integers_reach_to_their_limits(dtype: type) -> None:
    limits = [int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)]
    assert json.loads(columns_json({"x": np.array(limits, dtype)})) == {"outputs": limits}


def test_strings_are_escaped_and_bytes_that_are_not_utf_8_stay() -> None:
    values = strings('ä"\\\n\0'.encode(), b'\xff"\n', "str")
    assert columns_json({"x": values}) == b'{"outputs": ["\xc3\xa4\\"\\\\\\n\\u0000","\xff\\"\\n","str"]}'
    assert columns_json({"x_bytes": strings(b"\xff")}) == b'{"outputs": [{"b64": "/w=="}]}'
    assert columns_json({"x": np.array([b"ab", b"c"])}) == b'{"outputs": ["ab","c"]}'


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.zeros(2, np.complex64), "complex64"),
        (np.zeros(2, np.float16), "half"),
        (np.zeros(2, np.uint16), "uint16"),
    ],
)
def test_types_without_json_are_refused(array: np.ndarray, name: str) -> None:
    for outputs in ({"x": array}, {"x": array, "y": np.zeros(2)}):
        for to_json in (rows_json, columns_json):
            with pytest.raises(ServingError, match=f"^Failed to write JSON value for tensor type: {name}$"):
                to_json(outputs)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"x": np.array(1)}, "Tensor name: x has no shape information "),
        (
            {"a": np.zeros(2), "b": np.zeros(1)},
            "Tensor name: b has inconsistent batch size: 1 expecting: 2",
        ),
        (
            {"a": np.zeros((0, 2)), "b": np.zeros(1)},
            "Tensor name: b has inconsistent batch size: 1 expecting: 0",
        ),
    ],
)
def test_outputs_without_rows_are_refused(outputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ServingError) as error:
        rows_json(outputs)
    assert error.value.message == message
    if not outputs:
        with pytest.raises(ServingError, match=message):
            columns_json(outputs)


def test_large_outputs_are_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(210, dtype=np.float32).reshape(7, 30)
    at_once = rows_json({"x": values})
    monkeypatch.setattr(json_results, "PIECE", 64)
    assert rows_json({"x": values}) == at_once
    assert (
        rows_json({"x": values.reshape(1, 210)})
        == b'{"predictions": [%b]}' % json.dumps(list(map(float, range(210))), separators=(",", ":")).encode()
    )
    assert columns_json({"x": values[:, ::2]}) == columns_json({"x": values[:, ::2].copy()})


def test_classifications() -> None:
    result = text_format.Parse(
        """classifications { classes { label: "car" score: 0.2 } classes { label: "b\\"" score: nan } }
           classifications { classes { label: "" score: 12 } } classifications { }""",
        ClassificationResult(),
    )
    assert classification_json(result) == (b'{"results": [[["car",0.2],["b\\"",NaN]], [["",12.0]], []]}')
    with pytest.raises(ServingError, match="Cannot convert empty ClassificationResults"):
        classification_json(ClassificationResult())


def test_regressions() -> None:
    result = RegressionResult()
    for value in (0.2, float("inf"), 1, -float("inf"), float("nan")):
        result.regressions.add(value=value)
    assert regression_json(result) == b'{"results": [0.2, Infinity, 1.0, -Infinity, NaN]}'
    with pytest.raises(ServingError, match="Cannot convert empty RegressionResults"):
        regression_json(RegressionResult())


def test_status_has_its_defaults_and_versions_as_strings() -> None:
    response = GetModelStatusResponse()
    response.model_version_status.add(version=123, state=30).status.SetInParent()
    assert json.loads(status_json(response)) == {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


def test_metadata_unpacks_the_signatures_with_their_defaults() -> None:
    signature = text_format.Parse(
        """inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } dim { size: 1 } } } }
           outputs { key: "y" value { name: "y:0" dtype: DT_STRING tensor_shape { unknown_rank: true } } }
           method_name: "tensorflow/serving/predict" """,
        SignatureDef(),
    )
    signatures = SignatureDefMap()
    signatures.signature_def["serving_default"].CopyFrom(signature)
    response = GetModelMetadataResponse()
    response.model_spec.name = "default"
    response.model_spec.version.value = 123
    response.metadata["signature_def"].Pack(signatures)
    assert json.loads(metadata_json(response)) == {
        "model_spec": {"name": "default", "signature_name": "", "version": "123"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {
                            "x": {
                                "dtype": "DT_FLOAT",
                                "tensor_shape": {
                                    "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
                                    "unknown_rank": False,
                                },
                                "name": "x:0",
                            }
                        },
                        "outputs": {
                            "y": {
                                "dtype": "DT_STRING",
                                "tensor_shape": {"dim": [], "unknown_rank": True},
                                "name": "y:0",
                            }
                        },
                        "method_name": "tensorflow/serving/predict",
                        "defaults": {},
                    }
                }
            }
        },
    }


def test_errors() -> None:
    assert error_json('Bad key: "key"\n\udcff') == b'{ "error": "Bad key: \\"key\\"\\n?" }'
