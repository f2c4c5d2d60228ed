"""Two checks at once never get the same port, and a server can still listen on its own."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from components.serving_check import ports


def test_a_server_listens_on_a_reserved_port() -> None:
    with ports.reserved(2) as (first, second):
        assert first != second
        server = grpc.server(ThreadPoolExecutor(1))
        assert server.add_insecure_port(f"{ports.LOOPBACK}:{first}") == first
        server.start()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ports.LOOPBACK, second))
            listener.listen()
            for port in (first, second):
                socket.create_connection((ports.LOOPBACK, port), timeout=5).close()
        server.stop(None).wait()


def test_nobody_else_gets_a_reserved_port() -> None:
    with ports.reserved(50) as ours, ports.reserved(50) as theirs:
        assert len({*ours, *theirs}) == 100
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind((ports.LOOPBACK, ours[0]))


def test_a_port_is_free_again_afterwards() -> None:
    with ports.reserved(1) as (port,):
        pass
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, port))
        listener.listen()
        assert listener.getsockname() == (ports.LOOPBACK, port)
