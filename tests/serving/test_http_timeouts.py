"""Clients that are slow or silent."""

from __future__ import annotations

import dataclasses
import time
from contextlib import suppress

from tests.serving.http_api import (
    ANSWER,
    HASTY,
    PREDICT,
    ROW,
    WHOLE,
    error_of,
    is_closed,
    read_response,
    running,
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
