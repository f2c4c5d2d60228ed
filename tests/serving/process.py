"""The real server as a process of its own, for tests that talk to it as any client would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 300.0
RPC_SECONDS = 20.0


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ServerProcess:
    process: subprocess.Popen[bytes]
    log: Path
    grpc_port: int
    rest_port: int

    def __post_init__(self) -> None:
        self.channel = grpc.insecure_channel(
            f"localhost:{self.grpc_port}",
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def rest(
        self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, method: str | None = None
    ) -> Answer:
        """GET, or POST when there is a body: bytes as they are, anything else as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://localhost:{self.rest_port}{path}"
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    def wait_until_ready(self) -> None:
        """Returns when the REST API answers. Raises AssertionError with the log when the process ends instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (
                f"ended with {self.process.returncode}:\n{self.log.read_text()}"
            )
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.rest_port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_SECONDS:.0f} s:\n{self.log.read_text()}")

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """The exit code after the signal."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(60)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(folder: Path, *flags: str, wrapper: Sequence[str] = ()) -> ServerProcess:
    """Starts the server, as arguments of the command `wrapper`; `folder` takes its log. Does not wait for it."""
    grpc_port, rest_port = free_port(), free_port()
    log = folder / f"server-{rest_port}.log"
    command = [
        *wrapper,
        sys.executable,
        "-m",
        "serving.server",
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        *flags,
    ]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=stream, stderr=stream, env=environment)
    return ServerProcess(process, log, grpc_port, rest_port)


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[ServerProcess]:
    """A server that is ready, and ends with the block."""
    server = launch(folder, *flags)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.process.kill()
        server.process.wait(30)
        server.channel.close()


@contextmanager
def serving_all(home: Path, names: Sequence[str]) -> Iterator[ServerProcess]:
    """Serves the models in the folder `serving` of a home, as `mlpipe serve` does."""
    config = home / "models.config"
    listed = "".join(
        f'config {{ name: "{name}" base_path: "{home}/serving/{name}" model_platform: "tensorflow" }}\n'
        for name in names
    )
    config.write_text(f"model_config_list {{ {listed} }}")
    with serving(home, f"--model_config_file={config}") as server:
        yield server
