from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.serving.conformance.conftest import VERSION
from tests.serving.conformance.requests import predict_request, spec
from tests.serving.process import RPC_SECONDS, ServerProcess

DTYPES = {
    "float16": [1.5, -2.25, 65504.0],
    "bfloat16": [1.5, -2.0, 3.0],
    "float32": [1.1, -2.2, np.inf],
    "float64": [1.1, -2.2, np.nan],
    "int8": [-128, 0, 127],
    "int16": [-32768, 0, 32767],
    "int32": [-(2**31), 0, 2**31 - 1],
    "int64": [-(2**63), 0, 2**63 - 1],
    "uint8": [0, 1, 255],
    "uint16": [0, 1, 65535],
    "uint32": [0, 1, 2**32 - 1],
    "uint64": [0, 1, 2**64 - 1],
    "bool": [True, False, True],
    "complex64": [1 + 2j, -1j, 0],
    "complex128": [1 + 2j, -1j, 0],
}


def predict(server: ServerProcess, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    return server.prediction.Predict(request, timeout=RPC_SECONDS)


def refused(server: ServerProcess, request: predict_pb2.PredictRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        predict(server, request)
    return error.value.code(), error.value.details()


@pytest.mark.parametrize(
    ("model", "inputs", "output", "expected"),
    [
        ("half_plus_two", {"x": [[2.0], [3.0]]}, "y", [[3.0], [3.5]]),
        ("half_plus_three", {"x": [[2.0]]}, "y", [[4.0]]),
        ("tf2", {"x": [2.0, 3.0, 4.0]}, "y", [3.0, 3.5, 4.0]),
        ("tflite", {"x": [[2.0], [3.0], [4.0]]}, "y", [[3.0], [3.5], [4.0]]),
        ("scalar", {"x": 2.0}, "y", 3.0),
        ("row_sums", {"x": [[1.0, 2.0, 3.0]]}, "sum", [6.0]),
    ],
)
def test_answers(server: ServerProcess, model: str, inputs: dict[str, object], output: str, expected: object):
    response = predict(server, predict_request(model, inputs))
    assert list(response.outputs) == [output]
    tensor = response.outputs[output]
    assert tensor.dtype == tf.float32.as_datatype_enum
    assert np.array_equal(tf.make_ndarray(tensor), np.float32(expected))
    assert list(tensor.float_val) == np.ravel(np.float32(expected)).tolist()
    assert tensor.tensor_content == b""


def test_the_model_spec_comes_back_with_signature_and_version(server: ServerProcess):
    response = predict(server, predict_request("half_plus_two", {"x": [[2.0]]}))
    assert response.model_spec == spec("half_plus_two", "serving_default", version=VERSION)


def test_a_named_signature_comes_back(server: ServerProcess):
    response = predict(server, predict_request(spec("echo", "int64"), {"x": np.int64([7])}))
    assert response.model_spec == spec("echo", "int64", version=VERSION)
    assert list(response.outputs["x"].int64_val) == [7]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_goes_in_and_out(server: ServerProcess, dtype: str):
    array = np.array(DTYPES[dtype], tf.as_dtype(dtype).as_numpy_dtype)
    response = predict(server, predict_request(spec("echo", dtype), {"x": array}))
    assert response.outputs["x"].dtype == tf.as_dtype(dtype).as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["x"]), array)


def test_strings_of_any_bytes(server: ServerProcess):
    values = [b"", b"plain", b"\x00\xff\xfe", "été".encode()]
    response = predict(server, predict_request(spec("echo", "string"), {"x": np.array(values, object)}))
    assert list(response.outputs["x"].string_val) == values


def test_a_value_that_is_given_once_fills_the_tensor(server: ServerProcess):
    request = predict_request(spec("tf2"), {})
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].tensor_shape.dim.add().size = 3
    request.inputs["x"].float_val.append(2.0)
    assert list(predict(server, request).outputs["y"].float_val) == [3.0, 3.0, 3.0]


def test_the_output_filter_chooses(server: ServerProcess):
    inputs = {"a": [[1.0, 2.0]], "b": [[3.0, 4.0]]}
    every = predict(server, predict_request("several", inputs))
    assert set(every.outputs) == {"total", "difference", "product"}
    some = predict(server, predict_request("several", inputs, outputs=("product", "total")))
    assert set(some.outputs) == {"product", "total"}
    assert list(some.outputs["product"].float_val) == [11.0]
    assert list(some.outputs["total"].float_val) == [4.0, 6.0]


def test_an_empty_batch(server: ServerProcess):
    response = predict(server, predict_request("tf2", {"x": np.zeros([0], np.float32)}))
    assert tf.make_ndarray(response.outputs["y"]).shape == (0,)


def test_tables_and_assets(server: ServerProcess):
    response = predict(
        server, predict_request("vocabulary", {"word": np.array([b"two", b"one", b"x"], object)})
    )
    assert list(response.outputs["id"].int64_val) == [1, 0, -1]
    assert list(response.outputs["upper"].string_val) == [b"TWO", b"ONE", b"X"]


@pytest.mark.parametrize(
    ("chosen", "expected_version", "expected"),
    [
        ({"version": 1}, 1, 3.0),
        ({"version": 2}, 2, 4.0),
        ({"label": "stable"}, 1, 3.0),
        ({"label": "canary"}, 2, 4.0),
        ({}, 2, 4.0),
    ],
)
def test_versions_and_labels(
    server: ServerProcess, chosen: dict[str, object], expected_version: int, expected: float
):
    response = predict(server, predict_request(spec("canaried", **chosen), {"x": [2.0]}))  # type: ignore[arg-type]
    assert response.model_spec.version.value == expected_version
    assert list(response.outputs["y"].float_val) == [expected]


def test_over_the_unix_socket(server: ServerProcess):
    path = server.log.parent / "grpc.sock"
    with grpc.insecure_channel(f"unix:{path}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(predict_request("tf2", {"x": [2.0]}), timeout=RPC_SECONDS)
    assert list(response.outputs["y"].float_val) == [3.0]


def test_a_message_beyond_grpcs_usual_limit(server: ServerProcess):
    array = np.arange(4_000_000, dtype=np.float32)
    response = predict(server, predict_request(spec("echo", "float32"), {"x": array}))
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["x"]), array)


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (predict_request("absent", {}), "NOT_FOUND", "Servable not found for request: Latest(absent)"),
        (
            predict_request(spec("half_plus_two", version=9), {}),
            "NOT_FOUND",
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
        (
            predict_request(spec("canaried", version=3), {"x": [2.0]}),
            "NOT_FOUND",
            "Servable not found for request: Specific(canaried, 3)",
        ),
        (
            predict_request(spec("canaried", label="beta"), {}),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: beta",
        ),
        (predict_request(spec("half_plus_two", "nothing"), {}), "FAILED_PRECONDITION", '"nothing" not found'),
        (predict_request("half_plus_two", {}), "INVALID_ARGUMENT", "x"),
        (predict_request("half_plus_two", {"x": [[1.0]], "z": [[1.0]]}), "INVALID_ARGUMENT", "z"),
        (predict_request("half_plus_two", {"z": [[1.0]]}), "INVALID_ARGUMENT", "x"),
        (predict_request("half_plus_two", {"x": np.int32([[1]])}), "INVALID_ARGUMENT", "x"),
        (predict_request("half_plus_two", {"x": np.array([[b"1"]], object)}), "INVALID_ARGUMENT", "x"),
        (predict_request("several", {"a": [[1.0, 2.0]], "b": [[1.0, 2.0, 3.0]]}), "INVALID_ARGUMENT", ""),
        (predict_request("half_plus_two", {"x": [[1.0]]}, outputs=("w",)), "INVALID_ARGUMENT", "w"),
        (predict_request("half_plus_two", {"x": [[1.0]]}, outputs=("y", "y")), "INVALID_ARGUMENT", "y"),
        (predict_request("positive", {"x": [-1.0]}), "INVALID_ARGUMENT", "x must not be negative"),
        (predict_request("", {}), "INVALID_ARGUMENT", "ModelSpec"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_errors(server: ServerProcess, request_: predict_pb2.PredictRequest, code: str, message: str):
    got, details = refused(server, request_)
    assert got.name == code, details
    assert message in details


def hostile(**tensor: object) -> predict_pb2.PredictRequest:
    request = predict_request("tf2", {})
    proto = request.inputs["x"]
    proto.dtype = int(tensor.get("dtype", tf.float32.as_datatype_enum))  # type: ignore[call-overload]
    for size in tensor.get("shape", [1]):  # type: ignore[attr-defined]
        proto.tensor_shape.dim.add().size = size
    proto.tensor_content = tensor.get("content", b"")  # type: ignore[assignment]
    return request


@pytest.mark.parametrize(
    "tensor",
    [
        {"shape": [-1]},
        {"shape": [2**62, 2**62]},
        {"shape": [2**40], "content": b"\0\0\0\0"},
        {"shape": [3], "content": b"\0\0\0\0\0"},
        {"dtype": 0},
        {"dtype": 20},
        {"dtype": 21},
        {"dtype": 101},
        {"dtype": 9999},
    ],
)
def test_tensors_that_do_not_add_up(server: ServerProcess, tensor: dict[str, object]):
    code, _ = refused(server, hostile(**tensor))
    assert code.name == "INVALID_ARGUMENT"
    assert list(predict(server, predict_request("tf2", {"x": [2.0]})).outputs["y"].float_val) == [3.0]


def test_a_deadline_that_passes(server: ServerProcess):
    with pytest.raises(grpc.RpcError) as error:
        server.prediction.Predict(predict_request("slow", {"x": [2.0]}), timeout=0.1)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert list(predict(server, predict_request("slow", {"x": [2.0]})).outputs["y"].float_val) == [3.0]
