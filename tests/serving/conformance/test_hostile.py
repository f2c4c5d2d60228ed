"""Requests that no honest client sends: each gets its answer, and the server goes on."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.serving.process import ServerProcess

PREDICT = "/v1/models/tf2:predict"
MEGABYTE = 2**20


def memory_mb(server: ServerProcess, field: str = "VmRSS") -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


@pytest.fixture(autouse=True)
def _goes_on(server: ServerProcess) -> Iterator[None]:
    yield
    assert server.rest(PREDICT, {"instances": [2.0]}).json == {"predictions": [3.0]}


def test_two_hundred_megabytes_of_numbers(server: ServerProcess):
    body = b'{"instances": [' + b"1.5," * (50 * MEGABYTE) + b"1.5]}"
    answer = server.rest("/v1/models/absent:predict", body)
    assert answer.status == 404


def test_a_body_beyond_the_cap(server: ServerProcess):
    before = memory_mb(server)
    answer = server.rest(PREDICT, b" " * (301 * MEGABYTE))
    assert answer.status in (400, 413)
    assert "error" in answer.json
    assert memory_mb(server) - before < 400


def test_a_zip_bomb(server: ServerProcess):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"\0" * MEGABYTE) for _ in range(2000)) + packer.flush()
    assert len(bomb) < 3 * MEGABYTE
    answer = server.rest(PREDICT, bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status in (400, 413)
    assert memory_mb(server, "VmHWM") < 3000


@pytest.mark.parametrize(
    "body", [b"no gzip at all", gzip.compress(b'{"instances": [2.0]}', mtime=0)[:-9], b""]
)
def test_gzip_that_is_none(server: ServerProcess, body: bytes):
    answer = server.rest(PREDICT, body, headers={"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert "error" in answer.json


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST",
        b"POST /v1/models/tf2:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/models/tf2:predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n{",
    ],
)
def test_clients_that_stop_half_way_do_not_keep_others_waiting(server: ServerProcess, sent: bytes):
    idle = [socket.create_connection(("127.0.0.1", server.rest_port)) for _ in range(50)]
    try:
        for connection in idle:
            connection.sendall(sent)
        started = time.monotonic()
        assert server.rest(PREDICT, {"instances": [2.0]}).status == 200
        assert time.monotonic() - started < 20
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NOT HTTP AT ALL\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"POST /v1/models/tf2:predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request(server: ServerProcess, sent: bytes):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connection:
        try:
            connection.sendall(sent)
            answer = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
    assert answer == b"" or b" 400 " in answer or b" 431 " in answer or b" 414 " in answer


def test_garbage_on_the_grpc_port(server: ServerProcess):
    with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
        connection.settimeout(10)
        try:
            while connection.recv(65536):
                pass
        except (ConnectionResetError, TimeoutError):
            pass
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
