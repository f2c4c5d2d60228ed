"""A gRPC server over loopback with a real manager and real models, and a client with TF Serving's own stubs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.grpc_server import make_grpc_server
from serving.grpc_service import register
from serving.manager import ModelManager
from serving.runner import DirectRunner, make_pool
from serving.saved_model import load_saved_model
from serving.servable import Servable
from serving.telemetry import RequestRecord, Telemetry
from tests.serving import models

SECONDS = 60.0

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
