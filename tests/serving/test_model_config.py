"""Configuration as text: which models, batching parameters, monitoring."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import ServingError
from serving.model_config import check_model_config, read_model_config, single_model_config
from serving.text_protos import BatchingParameters, MonitoringConfig, parse_text_file

MODELS = """
model_config_list {
  # a comment
  config: { name: "half_plus_two", base_path: "/models/two", model_platform: "tensorflow"
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: "stable" value: 42 } }
  config { name: 'half_plus_three' base_path: '/models/three' model_type: TENSORFLOW }
}
"""


def config(text: str) -> ModelServerConfig:
    return text_format.Parse(text, ModelServerConfig())


def refusal(text: str, serving: str = "") -> tuple[str, str]:
    before = {model.name: model for model in config(serving).model_config_list.config}
    with pytest.raises(ServingError) as error:
        check_model_config(config(text), before)
    return error.value.code.name, error.value.message


def one(more: str) -> str:
    return f'model_config_list {{ config {{ name: "m" {more} }} }}'


def test_a_file_with_models(tmp_path: Path):
    file = tmp_path / "models.config"
    file.write_text(MODELS)
    models = check_model_config(read_model_config(str(file)), {})
    assert list(models) == ["half_plus_two", "half_plus_three"]
    assert list(models["half_plus_two"].model_version_policy.specific.versions) == [42, 43]
    assert dict(models["half_plus_two"].version_labels) == {"stable": 42}
    assert models["half_plus_three"].base_path == "/models/three"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("model_config_list { confg { } }", "1:21"),
        ("improper", "1:"),
        ('model_config_list { config { name: "m }', "1:36"),
        ("model_config_list {", "2:1|1:20|Expected"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: str, reason: str):
    file = tmp_path / "models.config"
    file.write_text(content)
    with pytest.raises(ServingError, match=reason) as error:
        read_model_config(str(file))
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.message.startswith(f"Invalid protobuf file: '{file}': ")


def test_a_file_that_cannot_be_read(tmp_path: Path):
    missing = tmp_path / "missing.config"
    with pytest.raises(ServingError) as error:
        read_model_config(str(missing))
    assert error.value.code is grpc.StatusCode.NOT_FOUND
    assert error.value.message == f"{missing}; No such file or directory"
    binary = tmp_path / "binary.config"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ServingError, match=f"Invalid protobuf file: '{binary}'"):
        read_model_config(str(binary))


def test_a_single_model():
    (model,) = check_model_config(single_model_config("m", "/models/m"), {}).values()
    assert (model.name, model.base_path, model.model_platform) == ("m", "/models/m", "tensorflow")


def test_what_is_refused():
    good = 'base_path: "/m" model_platform: "tensorflow"'
    assert refusal(one('base_path: "/m"')) == (
        "INVALID_ARGUMENT",
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
    )
    assert refusal(one(f"{good} model_type: TENSORFLOW")) == (
        "INVALID_ARGUMENT",
        "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
    )
    assert refusal(one('base_path: "/m" model_type: OTHER')) == (
        "INVALID_ARGUMENT",
        "ModelServerConfig::model_type choice OTHER not supported.",
    )
    assert refusal(one('base_path: "/m" model_platform: "caffe"')) == (
        "INVALID_ARGUMENT",
        "Model m requests unsupported platform caffe",
    )
    assert refusal(one('base_path: "" model_platform: "tensorflow"'))[1] == (
        "Expected model m to have an absolute path or URI; got base_path()="
    )
    assert refusal(one('base_path: "/m" model_platform: "caffe"'), one(good))[1] == (
        "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is caffe"
    )
    assert refusal("custom_model_config { }")[0] == "FAILED_PRECONDITION"
    same = check_model_config(config(one('base_path: "/m" model_type: TENSORFLOW')), {})
    assert check_model_config(config(one(good)), same)["m"].base_path == "/m"


def test_batching_parameters(tmp_path: Path):
    file = tmp_path / "batching.config"
    file.write_text(
        "max_batch_size { value: 128 } batch_timeout_micros { value: 0 } max_enqueued_batches { value: 1000000 }\n"
        "num_batch_threads { value: 8 } thread_pool_name { value: 'threads' } allowed_batch_sizes: 32\n"
        "allowed_batch_sizes: 128 pad_variable_length_inputs: true enable_large_batch_splitting { value: true }\n"
        "max_execution_batch_size { value: 64 }\n"
    )
    message = parse_text_file(file, BatchingParameters)
    assert message.max_batch_size.value == 128
    assert message.HasField("batch_timeout_micros")
    assert message.batch_timeout_micros.value == 0
    assert message.max_enqueued_batches.value == 1000000
    assert message.num_batch_threads.value == 8
    assert message.thread_pool_name.value == "threads"
    assert list(message.allowed_batch_sizes) == [32, 128]
    assert message.pad_variable_length_inputs
    assert message.enable_large_batch_splitting.value
    assert message.max_execution_batch_size.value == 64
    assert not BatchingParameters().HasField("max_batch_size")


def test_monitoring(tmp_path: Path):
    file = tmp_path / "monitoring.config"
    file.write_text('prometheus_config { enable: true, path: "/metrics" }')
    message = parse_text_file(file, MonitoringConfig)
    assert message.prometheus_config.enable
    assert message.prometheus_config.path == "/metrics"
    file.write_text("prometheus { }")
    with pytest.raises(ServingError, match=r"no field named .prometheus."):
        parse_text_file(file, MonitoringConfig)
