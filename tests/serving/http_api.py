"""The REST API on a real socket over a model that needs no TensorFlow, and clients that speak bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.errors import not_found
from serving.http_protocol import HttpLimits
from serving.http_server import serve_http
from serving.rest import make_app
from serving.telemetry import Telemetry
from serving.versions import Served

PREDICT = "POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\n"

ROW = b'{"instances": [1.0]}'

WHOLE = f"{PREDICT}Content-Length: {len(ROW)}\r\n\r\n".encode() + ROW

ANSWER = b'{"predictions": [2.5]}'


class Halves:
    """x/2 + 2 after `seconds`; knows how many calls were cancelled."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.running = 0
        self.cancelled = 0

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.running += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return [feeds["x:0"] / 2 + 2]

    async def close(self) -> None: ...


class OneModel:
    """A manager of one model, `m`."""

    def __init__(self) -> None:
        signature = SignatureDef()
        signature.inputs["x"].name = "x:0"
        signature.inputs["x"].dtype = types_pb2.DT_FLOAT
        signature.outputs["y"].name = "y:0"
        self.runner = Halves()
        self.served = Served("m", 1, {"serving_default": signature}, self.runner)

    @contextmanager
    def use(self, spec: ModelSpec) -> Iterator[Served]:
        if spec.name != "m":
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        yield self.served


class Running:
    """A server on a thread of its own."""

    def __init__(self, limits: HttpLimits | None = None, drain_seconds: float = 5.0, **options: Any) -> None:
        self.manager = OneModel()
        self.runner = self.manager.runner
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self.socket.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.stopping = asyncio.Event()
        self.slowest = 0.0
        telemetry: Any = Telemetry()
        manager: Any = self.manager
        app = make_app(manager, telemetry, **options)
        work = self._serve(serve_http(app, [self.socket], self.stopping, drain_seconds, limits))
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(work,))
        self.thread.start()

    async def _serve(self, server: Any) -> None:
        watch = asyncio.create_task(self._watch())
        try:
            await server
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        """Notes for how long the loop was at work in one go at most, without the time that other processes had."""
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.01)
            self.slowest = max(self.slowest, time.thread_time() - began)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)

    def close(self) -> None:
        with suppress(RuntimeError):
            self.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.loop.close()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(20)
        return connection

    def check(self) -> None:
        """The server still answers others."""
        with self.connect() as connection:
            connection.sendall(WHOLE)
            assert read_response(connection) == (200, ANSWER)


@contextmanager
def running(limits: HttpLimits | None = None, **options: Any) -> Iterator[Running]:
    server = Running(limits, **options)
    try:
        yield server
    finally:
        server.close()


def read_head(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        assert received, f"the connection ended after {data!r}"
        data += received
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, rest


def read_response(connection: socket.socket) -> tuple[int, bytes]:
    status, headers, body = read_head(connection)
    while len(body) < int(headers["content-length"]):
        received = connection.recv(1 << 20)
        assert received
        body += received
    return status, body


def error_of(connection: socket.socket) -> tuple[int, str]:
    status, body = read_response(connection)
    return status, json.loads(body)["error"]


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


HASTY = HttpLimits(
    head_seconds=0.4, head_bytes=4096, body_seconds=0.5, bytes_per_second=100_000, idle_seconds=0.6
)
