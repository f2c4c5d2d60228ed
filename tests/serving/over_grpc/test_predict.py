"""Predict over gRPC: tensors of every dtype and size, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from serving.grpc_server import make_grpc_server
from serving.grpc_service import register
from tests.serving import models
from tests.serving.grpc_api import SECONDS, VERSION, Api, half, refusal, request, spec


def test_predict_answers_in_typed_fields_with_the_whole_model_spec(api: Api):
    sent = request(spec("half_plus_two"), ["y"])
    sent.inputs["x"].dtype = tf.float32.as_datatype_enum
    sent.inputs["x"].tensor_shape.dim.add(size=1)
    sent.inputs["x"].float_val.append(2.0)
    answer = api.prediction.Predict(sent, timeout=SECONDS)
    assert answer.model_spec == spec("half_plus_two", "serving_default", VERSION)
    assert list(answer.outputs) == ["y"]
    assert list(answer.outputs["y"].float_val) == [3.0]
    assert answer.outputs["y"].tensor_content == b""


@pytest.mark.parametrize("dtype", models.ECHO_DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("count", [3, 40_000])
def test_every_dtype_of_any_size(api: Api, dtype: tf.DType, count: int):
    if dtype == tf.string:
        array = np.array([b"a", b"\xff"] * (count // 2), object)
    else:
        array = (np.arange(count) % 2).astype(dtype.as_numpy_dtype)
    answer = api.prediction.Predict(request(spec("echo", dtype.name), x=array), timeout=SECONDS)
    tensor = answer.outputs["x"]
    assert tensor.dtype == dtype.as_datatype_enum
    assert tensor.tensor_content == b""
    np.testing.assert_array_equal(tf.make_ndarray(tensor), array)


def test_messages_beyond_grpcs_usual_limit(api: Api):
    array = np.arange(10_000_000, dtype=np.float32)
    answer = api.prediction.Predict(request(spec("echo", "float32"), x=array), timeout=SECONDS)
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["x"]), array)


def test_answers_as_content_where_asked_for(api: Api, tmp_path: Path):
    async def ask() -> Any:
        path = tmp_path / "content.sock"
        server = make_grpc_server([], str(path))
        register(server, api.manager, api.telemetry, as_content=True)
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            answer = await prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(half())
        await server.stop(None)
        return answer

    tensor = api.loop.run(ask()).outputs["y"]
    assert tensor.tensor_content == np.float32([3.0]).tobytes()
    assert list(tensor.float_val) == []


def bad_tensor(dtype: int = 1, shape: Sequence[int] = (1,), **fields: Any) -> PredictRequest:
    made = request(spec("half_plus_two"))
    tensor = made.inputs["x"]
    tensor.CopyFrom(TensorProto(dtype=dtype, **fields))
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return made


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (half("absent"), "NOT_FOUND", "Servable not found for request: Latest(absent)"),
        (
            request(spec("tf2", version=9)),
            "NOT_FOUND",
            "Servable not found for request: Specific(tf2, 9)",
        ),
        (
            request(spec("tf2", "nothing")),
            "FAILED_PRECONDITION",
            'Serving signature key "nothing" not found.',
        ),
        (
            request(spec("several"), a=np.float32([[1, 2]])),
            "INVALID_ARGUMENT",
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
            "Sent extra: {}. Missing but required: {b}.",
        ),
        (
            request(spec("tf2"), z=np.float32([1])),
            "INVALID_ARGUMENT",
            "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {z}, or default input alias set: ",
        ),
        (
            request(spec("tf2"), x=np.int64([1])),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but int64 is provided",
        ),
        (
            request(spec("tf2"), ["w"], x=np.float32([1])),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: w Outputs expected to be in the set {y}.",
        ),
        (
            request(spec("tf2"), ["y", "y"], x=np.float32([1])),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
        ),
        (bad_tensor(shape=[2**62, 2**62]), "INVALID_ARGUMENT", "tensor parsing error: x"),
        (bad_tensor(shape=[2**40], float_val=[1.0]), "INVALID_ARGUMENT", "tensor parsing error: x"),
        (bad_tensor(dtype=20), "INVALID_ARGUMENT", "tensor parsing error: x"),
        (bad_tensor(tensor_content=b"12345"), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ],
)
def test_predict_refuses(api: Api, sent: PredictRequest, code: str, message: str):
    assert refusal(api.prediction.Predict, sent) == (code, message)
    assert list(api.prediction.Predict(half(), timeout=SECONDS).outputs["y"].float_val) == [3.0]


def test_errors_of_the_model_itself_come_through(api: Api):
    code, message = refusal(api.prediction.Predict, half("positive", -1.0))
    assert code == "INVALID_ARGUMENT"
    assert "x must not be negative" in message
    shapes = request(spec("several"), a=np.float32([[1, 2]]), b=np.float32([[1, 2, 3]]))
    code, message = refusal(api.prediction.Predict, shapes)
    assert (code, message) == (
        "INVALID_ARGUMENT",
        "Input b has the shape [?,2] in the signature, [1,3] was sent",
    )
