"""HTTP/1.1 as clients speak it, rightly or wrongly."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from tests.serving.http_api import (
    ANSWER,
    HASTY,
    PREDICT,
    ROW,
    WHOLE,
    error_of,
    is_closed,
    read_head,
    read_response,
    running,
)


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
