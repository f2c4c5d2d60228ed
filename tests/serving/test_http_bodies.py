"""Bodies that are too large, never end, are packed, or are just large."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from tests.serving.http_api import ANSWER, HASTY, PREDICT, WHOLE, error_of, is_closed, read_response, running


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
