"""The gRPC API over loopback, with a real manager and real models, through TF Serving's own stubs."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from common.errors import BadInput
from serving.grpc_server import INT32_MAX, make_grpc_server, parse_channel_arguments
from serving.grpc_service import MESSAGE_LIMIT, register
from serving.health import Health
from serving.inference import check_method_names
from serving.manager import ModelManager
from serving.runner import DirectRunner, make_pool
from serving.saved_model import load_saved_model
from serving.servable import Servable
from serving.telemetry import RequestRecord, Telemetry
from tests.serving import models

SECONDS = 20.0
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
MODELS: dict[str, Callable[[Path], Path]] = {
    "half_plus_two": models.half_plus_two,
    "classes": models.classes,
    "several": models.several,
    "echo": models.echo,
    "positive": models.positive,
    "tf2": models.half_plus_two_tf2,
}
VERSION = 123


class Waiting:
    """A runner that answers only when it is cancelled, and tells so."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            self.cancelled.set()
        return []

    async def close(self) -> None: ...


class Recorder(Telemetry):
    """Keeps records, for the tests to look at."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[RequestRecord] = []

    def record(self, request: RequestRecord) -> None:
        super().record(request)
        self.records.append(request)

    def last(self) -> RequestRecord:
        """The record of a call that has just ended; it may be written a moment after the answer arrived."""
        deadline = time.monotonic() + SECONDS
        while not self.records:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.records[-1]


class Loop:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Api:
    """The server of these tests and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.telemetry = Recorder()
        self.waiting = Waiting()
        self.loop = Loop()
        self.pool = make_pool()
        config = ModelServerConfig()
        for name, build in MODELS.items():
            build(folder / name / str(VERSION))
            self._add(config, name, folder / name)
        models.half_plus_two_tf2(folder / "waiting" / "1")
        self._add(config, "waiting", folder / "waiting")
        self.socket = folder / "grpc.sock"
        self.loop.run(self._start(config))
        self.channel = grpc.insecure_channel(
            f"localhost:{self.port}",
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    @staticmethod
    def _add(config: ModelServerConfig, name: str, folder: Path) -> None:
        config.model_config_list.config.add(name=name, base_path=str(folder), model_platform="tensorflow")

    def _runner(self, name: str, version: int, servable: Servable) -> Any:
        if name == "waiting":
            return self.waiting
        return DirectRunner(servable, name, self.pool, self.telemetry)

    async def _start(self, config: ModelServerConfig) -> None:
        self.manager = ModelManager(lambda name, version, path: load_saved_model(path), self._runner)
        await self.manager.start(config)
        self.port = free_port()
        self.server = make_grpc_server([f"localhost:{self.port}"], str(self.socket))
        self.health = register(self.server, self.manager, self.telemetry)
        await self.server.start()

    def close(self) -> None:
        self.channel.close()
        self.loop.run(self.server.stop(None))
        self.loop.run(self.manager.close())
        self.loop.close()
        self.pool.shutdown()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    started = Api(tmp_path_factory.mktemp("grpc"))
    yield started
    started.close()


@pytest.fixture
def api(served: Api) -> Api:
    served.telemetry.records.clear()
    return served


def spec(name: str, signature: str = "", version: int | None = None) -> ModelSpec:
    made = ModelSpec(name=name, signature_name=signature)
    if version is not None:
        made.version.value = version
    return made


def request(model_spec: ModelSpec, outputs: Sequence[str] = (), **inputs: np.ndarray) -> PredictRequest:
    made = PredictRequest(model_spec=model_spec, output_filter=outputs)
    for name, array in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return made


def half(model: str = "half_plus_two", *values: float) -> PredictRequest:
    return request(spec(model), x=np.float32(values or [2.0]))


def examples(*values: float) -> Input:
    made = Input()
    for value in values:
        made.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return made


def refusal(call: Callable[..., object], message: object) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        call(message, timeout=SECONDS)
    return error.value.code().name, error.value.details()


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


def test_every_predict_is_recorded(api: Api):
    sent = half()
    answer = api.prediction.Predict(sent, timeout=SECONDS)
    record = api.telemetry.last()
    assert record[:5] == ("Predict", "GRPC", "half_plus_two", VERSION, "OK")
    assert record.request_bytes == sent.ByteSize()
    assert record.response_bytes == answer.ByteSize()
    assert 0 < record.seconds < SECONDS
    assert record.peer.startswith(("ipv4:127.0.0.1:", "ipv6:"))


def test_refused_calls_are_recorded_with_their_code(api: Api):
    refusal(api.prediction.Predict, half("absent"))
    record = api.telemetry.last()
    assert record[:5] == ("Predict", "GRPC", "absent", None, "NOT_FOUND")
    assert record.response_bytes == 0
    api.telemetry.records.clear()
    refusal(api.prediction.Classify, ClassificationRequest())
    assert api.telemetry.last()[:5] == ("Classify", "GRPC", "", None, "INVALID_ARGUMENT")


def test_metrics_name_the_api(api: Api):
    api.prediction.Classify(
        ClassificationRequest(model_spec=spec("classes"), input=examples(1.0, 2.0)), timeout=SECONDS
    )
    api.telemetry.last()
    page = api.telemetry.exposition().decode()
    assert ':tensorflow:serving:request_count{model_name="classes",status="OK"}' in page
    assert 'runtime_latency_count{model_name="classes",API="Classify",runtime="TF1"}' in page
    assert ':tensorflow:serving:request_example_counts_sum{model="classes"}' in page


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
    assert (code, message.splitlines()[0]) == ("INVALID_ARGUMENT", "Incompatible shapes: [1,2] vs. [1,3]")


def test_long_messages_are_cut(api: Api):
    name = "m" * 5000
    code, message = refusal(api.prediction.Predict, half(name))
    assert code == "NOT_FOUND"
    assert message == f"Servable not found for request: Latest({name})"[:MESSAGE_LIMIT] + "...TRUNCATED"


def test_a_body_that_is_no_message(api: Api):
    call = api.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert refusal(call, b"\xff\xff\xff") == ("INTERNAL", "the body is no PredictRequest")
    assert api.telemetry.last().status == "INTERNAL"


def test_a_bug_is_logged_and_tells_the_client_nothing(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(api.manager, "use", fail)
    with caplog.at_level(logging.ERROR, logger="serving"):
        assert refusal(api.prediction.Predict, half()) == ("INTERNAL", "internal error, see the server's log")
    assert "secret" in caplog.text


def test_a_call_past_its_deadline_is_cancelled(api: Api):
    api.waiting.started.clear()
    api.waiting.cancelled.clear()
    with pytest.raises(grpc.RpcError) as error:
        api.prediction.Predict(half("waiting"), timeout=0.3)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert api.waiting.cancelled.wait(SECONDS)
    record = api.telemetry.last()
    assert (record.model, record.status) == ("waiting", "DEADLINE_EXCEEDED")


def test_a_client_that_leaves_cancels_its_call(api: Api):
    api.waiting.started.clear()
    api.waiting.cancelled.clear()
    future = api.prediction.Predict.future(half("waiting"), timeout=SECONDS)
    assert api.waiting.started.wait(SECONDS)
    future.cancel()
    assert api.waiting.cancelled.wait(SECONDS)
    assert api.telemetry.last().status == "CANCELLED"


def test_classify(api: Api):
    sent = ClassificationRequest(model_spec=spec("classes"), input=examples(1.0, 2.0))
    answer = api.prediction.Classify(sent, timeout=SECONDS)
    rows = [[(each.label, each.score) for each in row.classes] for row in answer.result.classifications]
    assert rows == [
        [("cat", 1.0), ("dog", 2.0), ("owl", 3.0)],
        [("cat", 2.0), ("dog", 4.0), ("owl", 6.0)],
    ]
    assert answer.model_spec == spec("classes", "serving_default", VERSION)


def test_regress(api: Api):
    sent = RegressionRequest(model_spec=spec("half_plus_two", "regress_x_to_y"), input=examples(2.0, 4.0))
    answer = api.prediction.Regress(sent, timeout=SECONDS)
    assert [each.value for each in answer.result.regressions] == [3.0, 4.0]
    assert answer.model_spec == spec("half_plus_two", "regress_x_to_y", VERSION)


def test_what_classify_and_regress_refuse(api: Api):
    classify, regress = api.prediction.Classify, api.prediction.Regress
    assert refusal(classify, ClassificationRequest(input=examples(1.0))) == (
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    )
    assert refusal(regress, RegressionRequest(model_spec=spec("tf2", "no"), input=examples(1.0))) == (
        "INVALID_ARGUMENT",
        "No signature was found with the name: no",
    )
    assert refusal(classify, ClassificationRequest(model_spec=spec("classes"))) == (
        "INVALID_ARGUMENT",
        "Input is empty.",
    )
    code, message = refusal(classify, ClassificationRequest(model_spec=spec("tf2"), input=examples(1.0)))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("No classification inputs found in SignatureDef: ")
    floats = RegressionRequest(model_spec=spec("half_plus_two", "regress_x2_to_y3"), input=examples(2.0))
    assert refusal(regress, floats) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but string is provided",
    )


def test_method_names_are_looked_at_when_asked_for(api: Api):
    sent = RegressionRequest(model_spec=spec("half_plus_two", "classify_x_to_y"), input=examples(2.0))
    check_method_names(True)
    try:
        answer = refusal(api.prediction.Regress, sent)
    finally:
        check_method_names(False)
    assert answer == (
        "INVALID_ARGUMENT",
        f"Expected regression signature method_name to be {REGRESS}. Was: {CLASSIFY}",
    )
    code, message = refusal(api.prediction.Regress, sent)
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("No regression outputs found in SignatureDef: ")


def tasks(*each: tuple[str, str, str]) -> MultiInferenceRequest:
    made = MultiInferenceRequest(input=examples(2.0))
    for model, signature, method in each:
        made.tasks.add(model_spec=spec(model, signature), method_name=method)
    return made


def graph_runs(api: Api) -> int:
    page = api.telemetry.exposition().decode()
    found = re.search(r"^:tensorflow:core:graph_runs\{\} (\d+)$", page, re.MULTILINE)
    return int(found[1]) if found else 0


def test_several_signatures_in_one_run(api: Api):
    before = graph_runs(api)
    sent = tasks(
        ("half_plus_two", "regress_x_to_y", REGRESS),
        ("half_plus_two", "classify_x_to_y", CLASSIFY),
        ("half_plus_two", "regress_x_to_y2", REGRESS),
    )
    answer = api.prediction.MultiInference(sent, timeout=SECONDS)
    first, second, third = answer.results
    assert first.regression_result.regressions[0].value == 3.0
    assert second.classification_result.classifications[0].classes[0].score == 3.0
    assert third.regression_result.regressions[0].value == 4.0
    assert [each.model_spec for each in answer.results] == [
        spec("half_plus_two", name, VERSION)
        for name in ("regress_x_to_y", "classify_x_to_y", "regress_x_to_y2")
    ]
    assert api.telemetry.last()[:5] == ("MultiInference", "GRPC", "half_plus_two", VERSION, "OK")
    assert graph_runs(api) == before + 1


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (tasks(), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            tasks(("half_plus_two", "regress_x_to_y", REGRESS), ("", "classify_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            tasks(("half_plus_two", "regress_x_to_y", REGRESS), ("tf2", "classify_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            tasks(*[("half_plus_two", "regress_x_to_y", REGRESS)] * 2),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (
            tasks(("half_plus_two", "no", REGRESS)),
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: no",
        ),
        (
            tasks(("half_plus_two", "regress_x_to_y", "tensorflow/serving/predict")),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            tasks(
                ("half_plus_two", "regress_x_to_y", REGRESS), ("half_plus_two", "regress_x2_to_y3", REGRESS)
            ),
            "INVALID_ARGUMENT",
            "Input tensor must be the same for all Signatures.",
        ),
    ],
)
def test_tasks_that_do_not_go_together(api: Api, sent: MultiInferenceRequest, code: str, message: str):
    assert refusal(api.prediction.MultiInference, sent) == (code, message)


def test_metadata(api: Api):
    sent = GetModelMetadataRequest(model_spec=spec("half_plus_two"), metadata_field=["signature_def"])
    answer = api.prediction.GetModelMetadata(sent, timeout=SECONDS)
    assert answer.model_spec == spec("half_plus_two", version=VERSION)
    signatures = SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["classify_x_to_y"].method_name == CLASSIFY
    assert len(signatures.signature_def) == 6


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (GetModelMetadataRequest(metadata_field=["signature_def"]), "Missing ModelSpec"),
        (
            GetModelMetadataRequest(model_spec=spec("tf2")),
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            GetModelMetadataRequest(model_spec=spec("tf2"), metadata_field=["signature_def", "weights"]),
            "Metadata field weights is not supported",
        ),
    ],
)
def test_metadata_that_is_not_there(api: Api, sent: GetModelMetadataRequest, message: str):
    assert refusal(api.prediction.GetModelMetadata, sent) == ("INVALID_ARGUMENT", message)


def test_the_model_service(api: Api):
    status = api.model.GetModelStatus(GetModelStatusRequest(model_spec=spec("tf2")), timeout=SECONDS)
    assert [(each.version, each.state) for each in status.model_version_status] == [
        (VERSION, ModelVersionStatus.AVAILABLE)
    ]
    assert api.telemetry.last()[:3] == ("GetModelStatus", "GRPC", "tf2")
    code, message = refusal(api.model.HandleReloadConfigRequest, ReloadConfigRequest())
    assert (code, message[:30]) == ("INVALID_ARGUMENT", "ServerModelConfig type not sup")


def test_the_unix_socket_answers_too(api: Api):
    with grpc.insecure_channel(f"unix:{api.socket}") as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(half(), timeout=SECONDS)
    assert list(answer.outputs["y"].float_val) == [3.0]


def health_of(channel: grpc.Channel, service: str) -> int:
    sent = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(channel).Check(sent, timeout=SECONDS).status


def test_health_by_service_and_by_model(api: Api):
    for service in (
        "",
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "tf2",
    ):
        assert health_of(api.channel, service) == health_pb2.HealthCheckResponse.SERVING, service
    with pytest.raises(grpc.RpcError) as error:
        health_of(api.channel, "absent")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_follows_what_is_served_until_it_drains():
    serving: dict[str, bool] = {"m": False}

    async def watched() -> list[str]:
        health = Health(serving.get)
        seen = []
        async for answer in health.Watch(health_pb2.HealthCheckRequest(service="m"), None):
            seen.append(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
            if len(seen) == 1:
                serving["m"] = True
            elif len(seen) == 2:
                del serving["m"]
            elif len(seen) == 3:
                serving["m"] = True
            else:
                health.drain()
        return seen

    assert asyncio.run(asyncio.wait_for(watched(), SECONDS)) == [
        "NOT_SERVING",
        "SERVING",
        "SERVICE_UNKNOWN",
        "SERVING",
        "NOT_SERVING",
    ]


def test_reflection_lists_the_services(api: Api):
    sent = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    (answer,) = stub.ServerReflectionInfo(iter([sent]), timeout=SECONDS)
    assert {service.name for service in answer.list_services_response.service} == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_reflection_describes_the_services(api: Api):
    names = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
    asked = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    methods = {}
    for answer in stub.ServerReflectionInfo(iter(asked), timeout=SECONDS):
        for file in answer.file_descriptor_response.file_descriptor_proto:
            for service in descriptor_pb2.FileDescriptorProto.FromString(file).service:
                methods[service.name] = {method.name for method in service.method}
    assert methods == {
        "PredictionService": {"Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"},
        "ModelService": {"GetModelStatus", "HandleReloadConfigRequest"},
    }


def test_channel_arguments_are_numbers_or_text():
    text = "grpc.max_connection_age_ms=2000,grpc.lb_policy_name=x=y,grpc.big=99999999999,grpc.low=-5"
    assert parse_channel_arguments(text) == [
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.lb_policy_name", "x=y"),
        ("grpc.big", "99999999999"),
        ("grpc.low", -5),
    ]
    assert parse_channel_arguments("") == []
    with pytest.raises(BadInput, match=r"'grpc\.max_connection_age_ms' is not key=value"):
        parse_channel_arguments("grpc.max_connection_age_ms")


def test_channel_arguments_hold(api: Api, tmp_path: Path):
    async def ask() -> grpc.StatusCode:
        path = tmp_path / "small.sock"
        server = make_grpc_server([], str(path), "grpc.max_receive_message_length=100")
        register(server, api.manager, api.telemetry)
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(
                half("tf2", *range(100))
            )
            code = await call.code()
        await server.stop(None)
        return code

    assert api.loop.run(ask()) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert INT32_MAX == 2147483647


@pytest.mark.parametrize("address", ["taken", "no-such-host.invalid:1"])
def test_an_address_that_cannot_be_had_is_one_clear_error(api: Api, address: str):
    if address == "taken":
        address = f"localhost:{api.port}"

    async def bind() -> None:
        make_grpc_server([address])

    with pytest.raises(BadInput, match=f"gRPC cannot listen at {address}: is it in use"):
        api.loop.run(bind())


def test_a_socket_path_that_is_too_long(api: Api, tmp_path: Path):
    async def bind() -> None:
        make_grpc_server([], str(tmp_path / ("s" * 120)))

    with pytest.raises(BadInput, match="gRPC cannot listen at the UNIX socket"):
        api.loop.run(bind())
