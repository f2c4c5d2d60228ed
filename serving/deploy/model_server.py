"""The server's own configuration: protobuf text files, and the flags that name them."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from serving.deploy.settings import CONFIG, GRPC_PORT, METRICS_PATH, MODELS, REST_PORT, Settings
from serving.text_protos import BatchingParameters, MonitoringConfig

MODELS_FILE = "models.config"
BATCHING_FILE = "batching.config"
MONITORING_FILE = "monitoring.config"


def models_config(base_paths: Mapping[str, str], num_versions: int) -> str:
    """A ModelServerConfig: the latest `num_versions` of each model; name -> folder of its versions."""
    config = model_server_config_pb2.ModelServerConfig()
    for name, base_path in base_paths.items():
        model = config.model_config_list.config.add(
            name=name, base_path=base_path, model_platform="tensorflow"
        )
        model.model_version_policy.latest.num_versions = num_versions
    return _text(config)


def files(settings: Settings) -> dict[str, str]:
    """Name -> text of the three files."""
    batching = BatchingParameters()
    batching.max_batch_size.value = 128
    batching.batch_timeout_micros.value = 1000
    batching.num_batch_threads.value = settings.cpus
    batching.max_enqueued_batches.value = 100
    monitoring = MonitoringConfig()
    monitoring.prometheus_config.enable = True
    monitoring.prometheus_config.path = METRICS_PATH
    base_paths = {name: f"{MODELS}/{name}" for name in settings.models}
    return {
        MODELS_FILE: models_config(base_paths, settings.num_versions),
        BATCHING_FILE: _text(batching),
        MONITORING_FILE: _text(monitoring),
    }


def arguments() -> list[str]:
    """The command line of the server in its container."""
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={CONFIG}/{MODELS_FILE}",
        # Models that are added later; a change of the other two files needs a restart.
        "--model_config_file_poll_wait_seconds=60",
        "--file_system_poll_wait_seconds=30",
        f"--monitoring_config_file={CONFIG}/{MONITORING_FILE}",
        "--enable_batching=true",
        f"--batching_parameters_file={CONFIG}/{BATCHING_FILE}",
        # Long-lived gRPC connections would never reach a replica that is added.
        "--grpc_channel_arguments=grpc.max_connection_age_ms=300000",
    ]


def _text(message: Message) -> str:
    return str(text_format.MessageToString(message))
