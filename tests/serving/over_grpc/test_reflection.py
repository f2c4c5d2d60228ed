"""The reflection service, by which grpcurl and others find the API."""

from __future__ import annotations

from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.serving.grpc_api import SECONDS, Api


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
