from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import pytest

from tests.serving.process import ServerProcess

HALF = "/v1/models/half_plus_two"
TF2 = "/v1/models/tf2"


def b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (f"{HALF}:predict", {"instances": [[2.0], [3.0], [4.0]]}, {"predictions": [[3.0], [3.5], [4.0]]}),
        (f"{HALF}:predict", {"instances": [{"x": [2.0]}, {"x": [3.0]}]}, {"predictions": [[3.0], [3.5]]}),
        (f"{HALF}:predict", {"inputs": [[2.0], [3.0]]}, {"outputs": [[3.0], [3.5]]}),
        (f"{HALF}:predict", {"inputs": {"x": [[2.0]]}}, {"outputs": [[3.0]]}),
        (f"{HALF}/versions/123:predict", {"instances": [[2.0]]}, {"predictions": [[3.0]]}),
        (f"{TF2}:predict", {"instances": [2.0, 3.0, 4.0]}, {"predictions": [3.0, 3.5, 4.0]}),
        (f"{TF2}:predict", {"instances": [2, 3]}, {"predictions": [3.0, 3.5]}),
        (f"{TF2}:predict", {"inputs": [2.0, 3.0]}, {"outputs": [3.0, 3.5]}),
        (f"{TF2}:predict", {"signature_name": "serving_default", "instances": [2.0]}, {"predictions": [3.0]}),
        ("/v1/models/scalar:predict", {"inputs": 2.0}, {"outputs": 3.0}),
        ("/v1/models/tflite:predict", {"instances": [[2.0], [4.0]]}, {"predictions": [[3.0], [4.0]]}),
        ("/v1/models/canaried/versions/1:predict", {"instances": [2.0]}, {"predictions": [3.0]}),
        ("/v1/models/canaried/labels/stable:predict", {"instances": [2.0]}, {"predictions": [3.0]}),
        ("/v1/models/canaried/labels/canary:predict", {"instances": [2.0]}, {"predictions": [4.0]}),
        ("/v1/models/canaried:predict", {"instances": [2.0]}, {"predictions": [4.0]}),
        (
            "/v1/models/several:predict",
            {"instances": [{"a": [1, 2], "b": [3, 4]}]},
            {"predictions": [{"total": [4.0, 6.0], "difference": [-2.0, -2.0], "product": 11.0}]},
        ),
        (
            "/v1/models/several:predict",
            {"inputs": {"a": [[1, 2]], "b": [[3, 4]]}},
            {"outputs": {"total": [[4.0, 6.0]], "difference": [[-2.0, -2.0]], "product": [11.0]}},
        ),
        (
            "/v1/models/echo:predict",
            {"instances": [{"text": "a", "number": 7, "flag": True, "image_bytes": b64(b"\xff\xd8")}]},
            {"predictions": [{"text": "a", "number": 7, "flag": True, "image_bytes": b64(b"\xff\xd8")}]},
        ),
        (
            "/v1/models/vocabulary:predict",
            {"instances": ["two", "x", b64(b"one")]},
            {
                "predictions": [
                    {"id": 1, "upper": "TWO"},
                    {"id": -1, "upper": "X"},
                    {"id": 0, "upper": "ONE"},
                ]
            },
        ),
        (
            f"{HALF}:classify",
            {"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}, {"x": 4.0}]},
            {"results": [[["", 3.0]], [["", 4.0]]]},
        ),
        (
            "/v1/models/classes:classify",
            {"examples": [{"x": 2.0}]},
            {"results": [[["cat", 2.0], ["dog", 4.0], ["owl", 6.0]]]},
        ),
        (
            f"{HALF}:regress",
            {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}, {"x": [4.0]}]},
            {"results": [3.0, 4.0]},
        ),
        (
            f"{HALF}:classify",
            {
                "signature_name": "classify_x2_to_y3",
                "context": {"x": 2.0},
                "examples": [{"x2": 4.0}, {"x2": 6.0}],
            },
            {"results": [[["", 5.0]], [["", 6.0]]]},
        ),
    ],
)
def test_answers(server: ServerProcess, path: str, body: Any, expected: Any):
    answer = server.rest(path, body)
    assert answer.status == 200, answer.body
    assert answer.json == expected
    assert answer.headers["content-type"] == "application/json"


def test_numbers_that_json_does_not_have(server: ServerProcess):
    answer = server.rest(f"{TF2}:predict", b'{"instances": [NaN, Infinity, -Infinity]}')
    assert answer.status == 200, answer.body
    first, second, third = json.loads(answer.body)["predictions"]
    assert (math.isnan(first), second, third) == (True, math.inf, -math.inf)
    assert b"NaN" in answer.body


def test_a_gzipped_body(server: ServerProcess):
    body = gzip.compress(b'{"instances": [2.0]}')
    answer = server.rest(f"{TF2}:predict", body, headers={"Content-Encoding": "gzip"})
    assert answer.json == {"predictions": [3.0]}


def test_status(server: ServerProcess):
    expected = {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    for path in (HALF, f"{HALF}/versions/123"):
        answer = server.rest(path)
        assert (answer.status, answer.json) == (200, expected), path
    versions = server.rest("/v1/models/canaried").json["model_version_status"]
    assert sorted(each["version"] for each in versions) == ["1", "2"]
    canary = server.rest("/v1/models/canaried/labels/canary").json["model_version_status"]
    assert [each["version"] for each in canary] == ["2"]


def test_metadata(server: ServerProcess):
    answer = server.rest(f"{TF2}/metadata")
    assert answer.status == 200
    assert answer.json["model_spec"] == {"name": "tf2", "signature_name": "", "version": "123"}
    signature = answer.json["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    assert server.rest(f"{TF2}/versions/123/metadata").json == answer.json


def test_metrics(server: ServerProcess):
    server.rest(f"{TF2}:predict", {"instances": [2.0]})
    answer = server.rest("/monitoring/prometheus/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.body.decode()
    assert "# TYPE :tensorflow:serving:request_count counter" in text
    assert ':tensorflow:serving:request_count{model_name="tf2",status="OK"}' in text
    assert ":tensorflow:serving:request_latency_bucket{" in text
    assert ":tensorflow:serving:runtime_latency_bucket{" in text


ONE = {"instances": [2.0]}


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/", None, 404, "Malformed request: GET /"),
        ("/v1/models", None, 400, "Missing model name in request."),
        ("/v1/models/tf2:unknown", ONE, 400, "Malformed request: POST /v1/models/tf2:unknown"),
        ("/v1/models/tf2", ONE, 400, "Malformed request: POST /v1/models/tf2"),
        ("/v1/models/tf2:predict", None, 400, "Malformed request: GET /v1/models/tf2:predict"),
        (
            "/v1/models/tf2/versions/x:predict",
            ONE,
            400,
            "Malformed request: POST /v1/models/tf2/versions/x:predict",
        ),
        ("/v1/models/absent:predict", ONE, 404, "Servable not found for request: Latest(absent)"),
        ("/v1/models/tf2/versions/9:predict", ONE, 404, "Servable not found for request: Specific(tf2, 9)"),
        ("/v1/models/canaried/labels/beta:predict", ONE, 400, "Unrecognized servable version label: beta"),
        ("/v1/models/absent", None, 404, "Could not find any versions of model absent"),
        ("/v1/models/tf2/versions/9", None, 404, "Could not find version 9 of model tf2"),
        ("/v1/models/absent/metadata", None, 404, "Servable not found for request: Latest(absent)"),
        (
            "/v1/models/tf2:predict",
            {"signature_name": "x", **ONE},
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        ("/v1/models/tf2:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/tf2:predict", {"instances": []}, 400, ""),
        ("/v1/models/tf2:predict", {"instances": 5}, 400, ""),
        ("/v1/models/tf2:predict", {"instances": [1.0], "inputs": [1.0]}, 400, ""),
        ("/v1/models/tf2:predict", {"instances": ["text"]}, 400, ""),
        ("/v1/models/tf2:predict", {"instances": [[1.0], 2.0]}, 400, ""),
        ("/v1/models/half_plus_two:predict", {"instances": [[1.0], [1.0, 2.0]]}, 400, ""),
        ("/v1/models/several:predict", {"instances": [{"a": [1, 2]}]}, 400, ""),
        ("/v1/models/several:predict", {"instances": [{"a": [1, 2], "b": [1, 2], "c": 1}]}, 400, ""),
        ("/v1/models/several:predict", {"instances": [{"a": [1, 2], "b": [1, 2, 3]}]}, 400, ""),
        ("/v1/models/echo:predict", {"signature_name": "int64", "instances": [{"x": 1.5}]}, 400, ""),
        ("/v1/models/positive:predict", {"instances": [-1.0]}, 400, "x must not be negative"),
        ("/v1/models/tf2:predict", b"", 400, "JSON"),
        ("/v1/models/tf2:predict", b"{'instances': [1.0]}", 400, "JSON Parse error"),
        ("/v1/models/tf2:predict", b'{"instances": [1.0', 400, "JSON Parse error"),
        ("/v1/models/tf2:predict", b"\xff\xfe\x00", 400, ""),
        ("/v1/models/tf2:predict", [1.0], 400, ""),
        ("/v1/models/tf2:predict", b"[" * 200_000, 400, ""),
        ("/v1/models/tf2:predict", b'{"instances": ' + b"[" * 200_000, 400, ""),
        ("/v1/models/half_plus_two:classify", {"signature_name": "classify_x_to_y", "examples": []}, 400, ""),
        ("/v1/models/half_plus_two:classify", {"signature_name": "classify_x_to_y"}, 400, ""),
        ("/v1/models/half_plus_two:regress", {"signature_name": "regress_x_to_y", "examples": [3]}, 400, ""),
        ("/v1/models/..%2F..%2Fetc%2Fpasswd:predict", ONE, 404, "Servable not found"),
        ("/v1/models/../../etc/passwd", None, 400, "Malformed request"),
        ("/v1/models/%00:predict", ONE, 404, "Servable not found"),
        ("/v1/models/%E2%82%AC", None, 404, "Could not find any versions of model €"),
        ("/v1/models/tf2/versions/99999999999999999999:predict", ONE, 400, ""),
        ("/v1/models/tf2/versions/-1:predict", ONE, 400, "Malformed request"),
    ],
)
def test_errors(server: ServerProcess, path: str, body: Any, status: int, message: str):
    answer = server.rest(path, body)
    assert answer.status == status, answer.body
    assert list(answer.json) == ["error"]
    assert message in answer.json["error"]
    assert server.rest(f"{TF2}:predict", ONE).json == {"predictions": [3.0]}
