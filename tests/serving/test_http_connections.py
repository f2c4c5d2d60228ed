"""Clients that leave, many at once, and a server that stops."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress

import pytest

from serving import http_protocol
from serving.http_protocol import HttpLimits
from serving.http_server import serve_http
from tests.serving.http_api import (
    ANSWER,
    HASTY,
    PREDICT,
    WHOLE,
    error_of,
    is_closed,
    read_head,
    read_response,
    running,
)


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
    dropped = threading.Event()
    lost = http_protocol.GuardedProtocol.connection_lost

    def told(self: http_protocol.GuardedProtocol, exc: Exception | None) -> None:
        lost(self, exc)
        dropped.set()

    monkeypatch.setattr(http_protocol.GuardedProtocol, "connection_lost", told)
    body = json.dumps({"instances": list(range(400_000))}).encode()
    with running(HASTY, drain_seconds=30) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"{PREDICT}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert dropped.wait(60)
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
