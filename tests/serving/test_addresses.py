from __future__ import annotations

import socket

import pytest

from common.errors import BadInput
from serving.addresses import bind, join, listen, resolve


def test_localhost_is_loopback_alone():
    addresses = resolve("localhost")
    assert "127.0.0.1" in addresses
    assert set(addresses) <= {"127.0.0.1", "::1"}


def test_all_addresses_only_when_asked_for():
    assert resolve("0.0.0.0") == ["0.0.0.0"]


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_this_machine(host: str):
    with pytest.raises(BadInput, match=rf"--host={host}"):
        resolve(host)


def test_ipv6_addresses_are_bracketed():
    assert join("::1", 8500) == "[::1]:8500"
    assert join("127.0.0.1", 8500) == "127.0.0.1:8500"


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            BadInput, match=rf"^--rest_api_port={port} is used by another process: choose another port$"
        ):
            bind(["127.0.0.1"], port, "--rest_api_port")


def test_of_two_that_start_at_once_one_is_told():
    (first,) = bind(["127.0.0.1"], 0, "--port")
    port = first.getsockname()[1]
    (second,) = bind(["127.0.0.1"], port, "--port")
    with first, second:
        listen([first], port, "--port")
        with pytest.raises(BadInput, match=rf"^--port={port} is used by another process"):
            listen([second], port, "--port")
