"""The REST API on real sockets: clients that are slow, gone, long-winded or wrong, and whole bodies of any size."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving import http_protocol
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


def test_a_client_that_says_nothing_is_dropped() -> None:
    with running(HASTY) as server, server.connect() as silent, server.connect() as blank:
        began = time.monotonic()
        assert is_closed(silent)
        assert 0.3 < time.monotonic() - began < 15
        with suppress(OSError):
            for _ in range(8):
                blank.sendall(b"\r\n")
                time.sleep(0.2)
        assert is_closed(blank), "empty lines are no request"
        server.check()


def test_slow_headers_time_out() -> None:
    with running(HASTY) as server, server.connect() as slow:
        with suppress(OSError):
            for byte in PREDICT[:20]:
                slow.sendall(byte.encode())
                time.sleep(0.05)
        assert error_of(slow) == (408, "Timed out waiting for the request")
        assert is_closed(slow)
        server.check()


def test_a_slow_body_times_out_also_when_it_trickles() -> None:
    with running(HASTY) as server, server.connect() as stuck, server.connect() as slow:
        head = f"{PREDICT}Content-Length: 100\r\n\r\n".encode()
        stuck.sendall(head + b"{")
        slow.sendall(head)
        with suppress(OSError):
            for _ in range(12):
                slow.sendall(b" ")
                time.sleep(0.1)
        for connection in (stuck, slow):
            assert error_of(connection) == (408, "Timed out waiting for the request")
            assert is_closed(connection)
        server.check()


def test_a_long_body_has_the_time_that_its_size_takes() -> None:
    limits = dataclasses.replace(HASTY, bytes_per_second=10_000)
    with running(limits) as server, server.connect() as steady:
        body = ROW + b" " * 200_000
        steady.sendall(f"{PREDICT}Content-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), 20_000):
            steady.sendall(body[start : start + 20_000])
            time.sleep(0.12)
        assert read_response(steady) == (200, ANSWER)


def test_a_slow_model_is_not_a_slow_client() -> None:
    with running(HASTY) as server, server.connect() as patient:
        server.runner.seconds = 1.5
        patient.sendall(WHOLE + WHOLE[:10])
        assert read_response(patient) == (200, ANSWER)


def test_an_idle_connection_is_closed() -> None:
    limits = dataclasses.replace(HASTY, idle_seconds=2.0)
    with running(limits) as server, server.connect() as idle:
        idle.sendall(WHOLE)
        assert read_response(idle) == (200, ANSWER)
        time.sleep(0.5)
        idle.sendall(WHOLE)
        assert read_response(idle) == (200, ANSWER)
        began = time.monotonic()
        assert is_closed(idle)
        assert 1.5 < time.monotonic() - began < 15


@pytest.mark.parametrize(
    "request_bytes",
    [
        f"GET /{'x' * 8000} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        f"GET /v1/models/m HTTP/1.1\r\nX: {'x' * 8000}\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n",
        [b"GET /" + b"x" * 1000] + [b"x" * 1000] * 10,
        [b"GET / HTTP/1.1\r\n", b"X: " + b"x" * 1000] + [b"x" * 1000] * 10,
    ],
)
def test_long_headers_are_refused(request_bytes: bytes | list[bytes]) -> None:
    with running(HASTY) as server, server.connect() as talker:
        with suppress(OSError):
            for piece in request_bytes if isinstance(request_bytes, list) else [request_bytes]:
                talker.sendall(piece)
                time.sleep(0.01)
        assert error_of(talker) == (431, "Request headers are too long")
        assert is_closed(talker)
        server.check()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET /v1/models/m\xff HTTP/1.1\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(request_bytes: bytes) -> None:
    with running() as server, server.connect() as stranger:
        stranger.sendall(request_bytes)
        assert error_of(stranger) == (400, "Malformed request: not HTTP")
        assert is_closed(stranger)
        server.check()


def test_a_broken_body_and_a_wrong_path_are_answered_at_once() -> None:
    with running() as server, server.connect() as client:
        packed = WHOLE.replace(b"Host: x", b"Content-Encoding: gzip")
        for request, status in ((packed, 400), (WHOLE.replace(b":predict", b":explain"), 400), (WHOLE, 200)):
            client.sendall(request)
            assert read_response(client)[0] == status


def test_paths_arrive_as_they_were_sent() -> None:
    with running() as server, server.connect() as client:
        for path, status, message in [
            ("/v1/models/..%2F..%2Fetc:predict", 404, "Servable not found for request: Latest(../../etc)"),
            ("/v1/models/../m:predict", 400, "Malformed request: POST /v1/models/../m:predict"),
            ("/v1/models/%00:predict", 404, "Servable not found for request: Latest(\0)"),
            ("/v1/models/m:predict?a=b", 400, "Malformed request: POST /v1/models/m:predict?a=b"),
            ("//v1/models/m:predict", 404, "Malformed request: POST //v1/models/m:predict"),
        ]:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n".encode() + ROW)
            assert error_of(client) == (status, message)


def test_keep_alive_pipelining_and_chunks() -> None:
    with running() as server, server.connect() as client:
        server.runner.seconds = 0.05
        chunked = f"{PREDICT}Transfer-Encoding: chunked\r\n\r\n".encode()
        chunked += b"".join(b"1\r\n%c\r\n" % byte for byte in ROW) + b"0\r\n\r\n"
        client.sendall(WHOLE * 3 + chunked + WHOLE)
        received = b""
        while received.count(ANSWER) < 5:
            received += client.recv(65536)
        assert received.count(b"HTTP/1.1 200 OK") == 5
        client.sendall(WHOLE.replace(b"Host: x", b"Connection: close"))
        assert read_response(client) == (200, ANSWER)
        assert is_closed(client)
    with running() as server, server.connect() as client:
        client.sendall(b"HEAD /v1/models/m HTTP/1.1\r\n\r\n" + WHOLE)
        status, headers, rest = read_head(client)
        assert (status, int(headers["content-length"]) > 0) == (400, True)
        assert rest.startswith(b"HTTP/1.1 200") or not rest


def test_clients_that_offer_http_2_are_answered_in_http_1() -> None:
    offer = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ_"
    offered = WHOLE.replace(b"Host: x", offer)
    with running() as server, server.connect() as client:
        for request in (offered, WHOLE, offered.replace(b"Upgrade: h2c", b"UPGRADE: h2c")):
            client.sendall(request[:-5])
            time.sleep(0.05)
            client.sendall(request[-5:])
            assert read_response(client) == (200, ANSWER)


def test_expect_continue() -> None:
    with running(max_body_bytes=1000) as server:
        with server.connect() as client:
            client.sendall(f"{PREDICT}Expect: 100-continue\r\nContent-Length: {len(ROW)}\r\n\r\n".encode())
            assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(ROW)
            assert read_response(client) == (200, ANSWER)
            client.sendall(WHOLE)
            assert read_response(client) == (200, ANSWER)
        with server.connect() as client:
            client.sendall(f"{PREDICT}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n".encode())
            assert error_of(client) == (413, "Request body is larger than 1000 bytes")
            assert is_closed(client)


def test_a_body_over_the_limit_is_refused_and_the_connection_lives() -> None:
    size = 3 * 2**20
    message = (413, f"Request body is larger than {2**20} bytes")
    with running(max_body_bytes=2**20) as server, server.connect() as client:
        client.sendall(f"{PREDICT}Content-Length: {size}\r\n\r\n".encode() + b"\0" * size)
        assert error_of(client) == message
        client.sendall(WHOLE)
        assert read_response(client) == (200, ANSWER)
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        client.sendall(f"{PREDICT}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 40 + b"0\r\n\r\n")
        assert error_of(client) == message
        client.sendall(WHOLE)
        assert read_response(client) == (200, ANSWER)


@pytest.mark.parametrize("path", ["/v1/models/m:predict", "/v1/models/m", "/elsewhere"])
def test_a_refusal_reaches_clients_that_send_all_and_close(path: str) -> None:
    body = b" " * (3 * 2**20)
    with running(max_body_bytes=2**20) as server:
        for method in ("POST", "GET"):
            with server.connect() as client:
                head = f"{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode())
                time.sleep(0.05)
                client.sendall(body)
                assert error_of(client)[0] in (400, 404, 413)
                assert is_closed(client)


def test_a_refused_body_without_end_is_cut_off() -> None:
    with running(max_body_bytes=2**18) as server, server.connect() as client:
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        client.sendall(f"{PREDICT}Transfer-Encoding: chunked\r\n\r\n".encode())
        sent = []
        with suppress(ConnectionError):
            for number in range(1000):
                client.sendall(chunk)
                sent.append(number)
        assert len(sent) < 900, "64 MB are not taken"
        server.check()


def test_a_refused_body_that_never_comes_ends_the_connection() -> None:
    with running(HASTY, max_body_bytes=100) as server, server.connect() as client:
        client.sendall(f"{PREDICT}Content-Length: 101\r\n\r\n ".encode())
        assert error_of(client)[0] == 408
        assert is_closed(client)
        server.check()


def test_a_bomb_is_refused() -> None:
    bomb = gzip.compress(b"\0" * (128 * 2**20), 6)
    head = f"{PREDICT}Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with running(max_body_bytes=16 * 2**20) as server, server.connect() as client:
        server.slowest = 0.0
        client.sendall(head + bomb)
        assert error_of(client) == (413, f"Request body is larger than {16 * 2**20} bytes")
        assert server.slowest < 1


def test_a_large_body_is_answered_while_others_are() -> None:
    values = np.arange(2_000_000) / 8
    text = json.dumps(values.tolist()).encode()
    body = b'{"instances": ' + text + b"}"
    with running() as server, server.connect() as client, server.connect() as other:
        other.sendall(WHOLE)
        read_response(other)
        asker = threading.Thread(
            target=client.sendall, args=(f"{PREDICT}Content-Length: {len(body)}\r\n\r\n".encode() + body,)
        )
        asker.start()
        server.slowest = 0.0
        answers = 0
        client.setblocking(False)
        while True:
            other.sendall(WHOLE)
            assert read_response(other) == (200, ANSWER)
            answers += 1
            try:
                client.recv(1, socket.MSG_PEEK)
                break
            except BlockingIOError:
                time.sleep(0.01)
        client.settimeout(20)
        asker.join()
        status, answer = read_response(client)
        assert status == 200
        received = np.array(json.loads(answer)["predictions"]).astype(np.float32)
        np.testing.assert_array_equal(received, (values / 2 + 2).astype(np.float32))
        assert answers > 5
        assert server.slowest < 1


def test_a_client_that_leaves_frees_its_place() -> None:
    with running() as server:
        server.runner.seconds = 20
        began = time.monotonic()
        connections = [server.connect() for _ in range(5)]
        for connection in connections:
            connection.sendall(WHOLE)
        while server.runner.running < 5:
            time.sleep(0.01)
        for connection in connections:
            connection.close()
        while server.runner.cancelled < 5:
            assert time.monotonic() - began < 18
            time.sleep(0.01)
        server.runner.seconds = 0
        server.check()


def test_a_client_that_leaves_in_the_middle_of_its_body() -> None:
    with running() as server:
        for sent in (WHOLE[:30], WHOLE[:-5]):
            with server.connect() as connection:
                connection.sendall(sent)
        server.check()


def test_a_client_that_takes_no_answer_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "WATCH_SECONDS", 0.1)
    body = json.dumps({"instances": list(range(400_000))}).encode()
    with running(HASTY, drain_seconds=30) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"{PREDICT}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(3)
        received = 0
        with suppress(ConnectionResetError):
            while piece := client.recv(1 << 20):
                received += len(piece)
        assert received < 3_000_000, "the whole answer is longer"
        client.close()
        server.check()


def test_many_half_open_connections_do_not_keep_others_out() -> None:
    with running(HttpLimits(head_seconds=1.0)) as server:
        connections = [server.connect() for _ in range(300)]
        for connection in connections[::2]:
            connection.sendall(PREDICT.encode())
        server.check()
        for connection in connections[1::2]:
            assert is_closed(connection)
        for connection in connections[::2]:
            assert error_of(connection)[0] == 408
        for connection in connections:
            connection.close()
        server.check()


def test_stopping_finishes_requests_and_takes_no_more() -> None:
    with running() as server:
        server.runner.seconds = 0.6
        with server.connect() as busy, server.connect() as idle:
            idle.sendall(WHOLE)
            assert read_response(idle) == (200, ANSWER)
            busy.sendall(WHOLE)
            while not server.runner.running:
                time.sleep(0.01)
            server.stop()
            assert is_closed(idle)
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            status, headers, body = read_head(busy)
            assert (status, headers["connection"], body or busy.recv(100)) == (200, "close", ANSWER)
            assert is_closed(busy)


def test_stopping_cuts_off_what_takes_too_long() -> None:
    with running(drain_seconds=0.3) as server, server.connect() as busy:
        server.runner.seconds = 30
        busy.sendall(WHOLE)
        while not server.runner.running:
            time.sleep(0.01)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 20
        with suppress(AssertionError, ConnectionResetError):
            assert read_head(busy)[0] == 500


def test_a_server_that_cannot_start_says_so() -> None:
    async def serve() -> None:
        closed = socket.socket()
        closed.close()
        await serve_http(lambda *_: None, [closed], asyncio.Event(), 1)

    with pytest.raises((OSError, ValueError)):
        asyncio.run(asyncio.wait_for(serve(), 10))
