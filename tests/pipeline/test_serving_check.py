"""The node ServingCheck by configuration: this project's component, or TFX's InfraValidator."""

from __future__ import annotations

from typing import Any

import pytest
from tfx.components import InfraValidator
from tfx.proto import infra_validator_pb2
from tfx.types import Channel, standard_artifacts

from components.serving_check.component import ServingCheck
from pipeline import config, fingerprint, serving_check


def node(*overrides: str) -> Any:
    return serving_check.component(
        config.load("penguin", overrides),
        model=Channel(type=standard_artifacts.Model),
        examples=Channel(type=standard_artifacts.Examples),
        schema=Channel(type=standard_artifacts.Schema),
    )


def test_the_embedded_server() -> None:
    made = node("serving_check.max_p99_ms=20", "serving_check.requests=7")
    assert isinstance(made, ServingCheck)
    found = made.exec_properties
    assert len(found.pop("code")) == 64
    assert found == {
        "model_name": "penguin",
        "split": "eval",
        "requests": 7,
        "tolerance": 1e-5,
        "start_seconds": 120.0,
        "warmup_requests": 8,
        "max_memory_mb": None,
        "max_p99_ms": 20.0,
    }
    assert made.outputs["blessing"].type is standard_artifacts.InfraBlessing


def test_the_code_of_the_server_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = node().exec_properties["code"]
    assert node().exec_properties["code"] == before
    real = fingerprint.of_module
    monkeypatch.setattr(
        serving_check.fingerprint, "of_module", lambda name: real(name) + ("x" * (name == "serving.server"))
    )
    assert node().exec_properties["code"] != before


def proto(made: Any, key: str, message: Any) -> Any:
    assert isinstance(made, InfraValidator)
    from tfx.utils import proto_utils

    proto_utils.json_to_proto(made.exec_properties[key], message)
    return message


def test_tfx_s_infra_validator_in_docker() -> None:
    made = node(
        "serving_check={with: infra_validator, start_seconds: 60, infra_validator: {tags: [2.19.0, latest], tries: 2}}"
    )
    spec = proto(made, "serving_spec", infra_validator_pb2.ServingSpec())
    assert spec.WhichOneof("serving_platform") == "local_docker"
    assert spec.tensorflow_serving.image_name == "tensorflow/serving"
    assert list(spec.tensorflow_serving.tags) == ["2.19.0", "latest"]
    assert spec.model_name == "penguin"
    request = proto(made, "request_spec", infra_validator_pb2.RequestSpec())
    assert (request.split_name, request.num_examples, request.make_warmup) == ("eval", 32, True)
    assert list(request.tensorflow_serving.signature_names) == ["serving_examples"]
    validation = proto(made, "validation_spec", infra_validator_pb2.ValidationSpec())
    assert (validation.max_loading_time_seconds, validation.num_tries) == (60, 2)


def test_tfx_s_infra_validator_in_kubernetes() -> None:
    made = node(
        "serving_check={with: infra_validator, warmup_requests: 0,"
        " infra_validator: {platform: kubernetes, service_account: check}}"
    )
    spec = proto(made, "serving_spec", infra_validator_pb2.ServingSpec())
    assert spec.WhichOneof("serving_platform") == "kubernetes"
    assert spec.kubernetes.service_account_name == "check"
    assert not proto(made, "request_spec", infra_validator_pb2.RequestSpec()).make_warmup
