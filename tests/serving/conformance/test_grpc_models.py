from __future__ import annotations

import grpc
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
)

from tests.serving.conformance.conftest import VERSION
from tests.serving.conformance.requests import spec
from tests.serving.process import RPC_SECONDS, ServerProcess

AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def status(server: ServerProcess, name: str, **chosen: object) -> list[tuple[int, int, int]]:
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(name, **chosen))  # type: ignore[arg-type]
    response = server.model.GetModelStatus(request, timeout=RPC_SECONDS)
    return [(each.version, each.state, each.status.error_code) for each in response.model_version_status]


def test_status(server: ServerProcess):
    assert status(server, "half_plus_two") == [(VERSION, AVAILABLE, 0)]
    assert sorted(status(server, "canaried")) == [(1, AVAILABLE, 0), (2, AVAILABLE, 0)]
    assert status(server, "canaried", version=1) == [(1, AVAILABLE, 0)]
    assert status(server, "canaried", label="canary") == [(2, AVAILABLE, 0)]


@pytest.mark.parametrize(
    ("name", "chosen", "message"),
    [
        ("absent", {}, "Could not find any versions of model absent"),
        ("canaried", {"version": 7}, "Could not find version 7 of model canaried"),
    ],
)
def test_status_of_what_is_not_there(server: ServerProcess, name: str, chosen: dict[str, int], message: str):
    with pytest.raises(grpc.RpcError) as error:
        status(server, name, **chosen)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert error.value.details() == message


def test_metadata(server: ServerProcess):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=spec("half_plus_two"), metadata_field=["signature_def"]
    )
    response = server.prediction.GetModelMetadata(request, timeout=RPC_SECONDS)
    assert response.model_spec.version.value == VERSION
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "regress_x_to_y", "classify_x_to_y"} <= set(signatures.signature_def)
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == 1
    assert signatures.signature_def["classify_x_to_y"].method_name == "tensorflow/serving/classify"


@pytest.mark.parametrize("fields", [[], ["weights"], ["signature_def", "weights"]])
def test_metadata_knows_the_signatures_alone(server: ServerProcess, fields: list[str]):
    request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec("tf2"), metadata_field=fields)
    with pytest.raises(grpc.RpcError) as error:
        server.prediction.GetModelMetadata(request, timeout=RPC_SECONDS)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_reload_that_is_wrong_changes_nothing(server: ServerProcess):
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(
        'config { model_config_list { config { name: "tf2" base_path: "/elsewhere" model_platform: "caffe" } } }',
        request,
    )
    with pytest.raises(grpc.RpcError) as error:
        server.model.HandleReloadConfigRequest(request, timeout=RPC_SECONDS)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT, error.value.details()
    assert status(server, "half_plus_two") == [(VERSION, AVAILABLE, 0)]
    assert status(server, "tf2") == [(VERSION, AVAILABLE, 0)]


def test_health(server: ServerProcess):
    stub = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=RPC_SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
    with pytest.raises(grpc.RpcError) as error:
        stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=RPC_SECONDS)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection(server: ServerProcess):
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=RPC_SECONDS)
    names = {service.name for service in answer.list_services_response.service}
    assert {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
    } <= names
