"""No request fails while new versions take the place of old ones, over both protocols and with batching too."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from tests.serving import models
from tests.serving.process import ServerProcess, serving

PATIENCE = 120.0
NEW_VERSIONS = (2, 3, 4)
CLIENTS = 3
ANSWERS = {0: 3.0, 1: 4.0}
"""For x = 2: even versions add two to its half, odd ones three."""

BATCHING = (
    "max_batch_size { value: 8 } batch_timeout_micros { value: 1000 } max_enqueued_batches { value: 100 }"
)


class Load:
    """What clients asked for and got, until it is over."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.over = threading.Event()
        self.faults: list[str] = []
        self.counts = {"grpc": 0, "rest": 0}
        self.versions: set[int] = set()

    def grpc(self) -> None:
        """A client that also sees which version answers: never an older one than before."""
        request, newest = PredictRequest(), 0
        request.model_spec.name = "m"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([2.0], tf.float32))
        while not self.over.is_set():
            try:
                answer = self.server.prediction.Predict(request, timeout=20)
            except Exception as error:
                self.faults.append(f"gRPC: {error}")
                continue
            version = answer.model_spec.version.value
            if version < newest or list(answer.outputs["y"].float_val) != [ANSWERS[version % 2]]:
                self.faults.append(f"gRPC: version {version} after {newest}, {answer.outputs['y'].float_val}")
            newest = version
            self.versions.add(version)
            self.counts["grpc"] += 1

    def rest(self) -> None:
        """A client on one connection that stays."""
        connection = http.client.HTTPConnection("localhost", self.server.rest_port, timeout=20)
        while not self.over.is_set():
            try:
                connection.request("POST", "/v1/models/m:predict", b'{"instances": [2.0]}')
                response = connection.getresponse()
                answer = json.loads(response.read())
            except Exception as error:
                self.faults.append(f"REST: {error!r}")
                connection.close()
                continue
            if response.status != 200 or answer["predictions"][0] not in ANSWERS.values():
                self.faults.append(f"REST: {response.status} {answer}")
            self.counts["rest"] += 1
        connection.close()


def build(folder: Path, version: int) -> None:
    """Writes a version beside the served folder and moves it in, whole at once."""
    make = models.half_plus_three if version % 2 else models.half_plus_two
    make(folder.parent / "unfinished").rename(folder / str(version))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("batching", [False, True])
def test_every_request_succeeds_across_swaps(tmp_path: Path, batching: bool) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    build(folder, 1)
    flags = ["--model_name=m", f"--model_base_path={folder}", "--file_system_poll_wait_seconds=1"]
    if batching:
        (tmp_path / "batching.txt").write_text(BATCHING)
        flags += ["--enable_batching", f"--batching_parameters_file={tmp_path / 'batching.txt'}"]
    with serving(tmp_path, *flags) as server:
        load = Load(server)
        clients = [
            threading.Thread(target=target) for target in (load.grpc, load.rest) for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        try:
            wait_until(lambda: 1 in load.versions)
            for version in NEW_VERSIONS:
                build(folder, version)
                wait_until(lambda version=version: version in load.versions)
            wait_until(lambda: min(load.counts.values()) > 50)
        finally:
            load.over.set()
            for client in clients:
                client.join()
    assert load.faults == []
    assert load.versions == {1, *NEW_VERSIONS}
