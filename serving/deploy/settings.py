"""What the deployment files are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GRPC_PORT = 8500
REST_PORT = 8501
MODELS = "/models"
CONFIG = "/config"
METRICS_PATH = "/monitoring/prometheus/metrics"
SERVER = "/usr/bin/tensorflow_model_server"
USER = 65532
"""No user of the image: the server needs no rights but to read the models."""

MEBIBYTE = 2**20
_BASE_MEMORY = 512 * MEBIBYTE
_MEMORY_STEP = 256 * MEBIBYTE


@dataclass(frozen=True)
class Settings:
    """models: name -> folder of versions on this machine. model_bytes: the largest versions of all models together."""

    models: Mapping[str, Path]
    model_bytes: int
    name: str = "mlpipe-serving"
    namespace: str = ""
    image: str = "tensorflow/serving:2.19.1"
    prometheus_image: str = "prom/prometheus:v3.3.1"
    cpus: int = 2
    min_replicas: int = 2
    max_replicas: int = 6
    num_versions: int = 1

    @property
    def memory(self) -> int:
        """Bytes that are requested: the server, and each served version twice, as the new one is loaded beside the old.

        A whole number of 256 MiB.
        """
        needed = _BASE_MEMORY + 2 * self.num_versions * self.model_bytes
        return -(-needed // _MEMORY_STEP) * _MEMORY_STEP

    @property
    def storage(self) -> int:
        """Bytes of the volume of models: room for ten versions of each, at least 1 GiB, a whole number of GiB."""
        return max(1, -(-10 * self.model_bytes // 2**30)) * 2**30
