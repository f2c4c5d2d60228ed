"""Recorded requests that a version answers before its first real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving import warmup
from serving.errors import ServingError
from serving.manager import ModelManager
from serving.model_config import single_model_config
from serving.saved_model import load_saved_model
from serving.tflite import load_tflite
from serving.versions import Served
from tests.serving import models
from tests.serving.fakes import FakeRunner, on_loop
from tests.serving.test_manager import spec


class Recorder(FakeRunner):
    """Notes what the model was fed with."""

    def __init__(self, servable: object) -> None:
        super().__init__(servable)
        self.fed: list[tuple[str, list[str]]] = []

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.fed.append((next(iter(feeds)), list(fetches)))
        return await super().run(feeds, fetches)


def predict_log(x: float = 1.0, signature: str = "") -> PredictionLog:
    log = PredictionLog()
    request = log.predict_log.request
    if signature:
        request.model_spec.signature_name = signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[x]], tf.float32))
    return log


def example_log(kind: str, signature: str) -> PredictionLog:
    log = PredictionLog()
    request = getattr(log, kind).request
    request.model_spec.name = "whatever"
    request.model_spec.version.value = 77
    request.model_spec.signature_name = signature
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
    return log


def multi_log() -> PredictionLog:
    log = PredictionLog()
    request = log.multi_inference_log.request
    for signature, method in (("regress_x_to_y", models.REGRESS), ("classify_x_to_y", models.CLASSIFY)):
        task = request.tasks.add(method_name=method)
        task.model_spec.name = "whatever"
        task.model_spec.signature_name = signature
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
    return log


def replay(
    folder: Path, logs: Iterable[bytes | object] | None, iterations: int = 1
) -> list[tuple[str, list[str]]]:
    """What the model is fed with when these are its warm-up requests."""
    if logs is not None:
        models.write_warmup(folder, logs)
    servable = load_saved_model(folder)
    runner = Recorder(servable)
    try:
        asyncio.run(
            warmup.warm_up(Served("m", 1, servable.signatures, runner), folder, iterations=iterations)
        )
    finally:
        servable.close()
    return runner.fed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.half_plus_two(tmp_path / "m" / "1")


def test_every_kind_of_request_is_replayed(folder: Path):
    logs = [
        predict_log(),
        example_log("classify_log", "classify_x_to_y"),
        example_log("regress_log", "regress_x_to_y2"),
        multi_log(),
        PredictionLog(),
    ]
    assert replay(folder, logs) == [
        ("x:0", ["y:0"]),
        ("tf_example:0", ["y:0"]),
        ("tf_example:0", ["y2:0"]),
        ("tf_example:0", ["y:0"]),
    ]


def test_each_request_so_often(folder: Path):
    assert len(replay(folder, [predict_log(), predict_log(2.0)], iterations=3)) == 6


def test_no_file(folder: Path):
    assert replay(folder, None) == []


def test_an_empty_file(folder: Path):
    assert replay(folder, []) == []


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (predict_log(signature="nope"), grpc.StatusCode.FAILED_PRECONDITION, '"nope"'),
        (
            PredictionLog(session_run_log={}),
            grpc.StatusCode.UNIMPLEMENTED,
            "Unsupported log_type for warmup: 5",
        ),
        (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "Failed to parse warmup record"),
    ],
)
def test_requests_that_fail(folder: Path, log: bytes | PredictionLog, code: grpc.StatusCode, message: str):
    with pytest.raises(ServingError, match=message) as error:
        replay(folder, [predict_log(), log])
    assert error.value.code is code


def test_a_file_that_holds_no_records(folder: Path):
    path = models.write_warmup(folder, [])
    path.write_bytes(predict_log().SerializeToString() * 3)
    with pytest.raises(
        ServingError, match=r"Please verify your warmup data is in TFRecord format\.$"
    ) as error:
        replay(folder, None)
    assert error.value.code is grpc.StatusCode.DATA_LOSS


def test_too_many_records(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(warmup, "MAX_RECORDS", 3)
    assert len(replay(folder, [predict_log()] * 3)) == 3
    with pytest.raises(
        ServingError, match=r"Number of warmup records exceeds the maximum \(3\) at .*requests$"
    ):
        replay(folder, [predict_log()] * 4)


def test_a_tflite_model_is_warmed_too(tmp_path: Path):
    folder = models.half_plus_two_tflite(tmp_path / "1")
    models.write_warmup(folder, [predict_log()])
    servable = load_tflite(folder)
    runner = Recorder(servable)
    asyncio.run(warmup.warm_up(Served("m", 1, servable.signatures, runner), folder))
    assert runner.fed == [("serving_default_x:0", ["serving_default_y:0"])]
    servable.close()


@on_loop
async def test_a_version_whose_warmup_fails_is_not_served(folder: Path):
    models.write_warmup(folder, [predict_log(signature="nope")])
    manager = ModelManager(
        lambda name, version, path: load_saved_model(path),
        lambda name, version, servable: FakeRunner(servable),
        warm_up=warmup.warm_up,
        max_num_load_retries=0,
        poll_seconds=0,
    )
    with pytest.raises(ServingError, match="due to error: FAILED_PRECONDITION: "):
        await manager.start(single_model_config("m", str(folder.parent)))
    assert manager.available() == {"m": []}
    (status,) = manager.status(spec("m"))
    assert status.code is grpc.StatusCode.FAILED_PRECONDITION
    await manager.close()
