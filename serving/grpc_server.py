"""A gRPC server on the loop: where it listens, how large messages may be, which channel arguments hold."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from common.errors import BadInput

INT32_MAX = 2**31 - 1


def make_grpc_server(
    addresses: Sequence[str], socket_path: str = "", channel_arguments: str = ""
) -> grpc.aio.Server:
    """A server bound to `host:port` addresses and a UNIX socket, not started yet.

    `channel_arguments` as TF Serving's flag has them: `key=value,...`, each value an int32 where it can
    be, else a string. Raises BadInput when an argument has no value, or an address is taken or unknown.
    """
    arguments: dict[str, int | str] = {
        "grpc.max_receive_message_length": INT32_MAX,
        "grpc.max_send_message_length": INT32_MAX,
        # Two servers on one port would share its connections at random.
        "grpc.so_reuseport": 0,
    }
    arguments.update(parse_channel_arguments(channel_arguments))
    server = grpc.aio.server(options=list(arguments.items()))
    for address in addresses:
        _bind(server, address, address)
    if socket_path:
        _bind(server, f"unix:{socket_path}", f"the UNIX socket {socket_path}")
    return server


def parse_channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """`grpc.max_connection_age_ms=2000,grpc.lb_policy_name=x` as gRPC takes it. Raises BadInput."""
    arguments: list[tuple[str, int | str]] = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not key or not equals:
            raise BadInput(f"--grpc_channel_arguments: {part!r} is not key=value; write key=value,key=value")
        arguments.append((key, _number(value)))
    return arguments


def _number(value: str) -> int | str:
    try:
        number = int(value)
    except ValueError:
        return value
    return number if -INT32_MAX - 1 <= number <= INT32_MAX else value


def _bind(server: grpc.aio.Server, address: str, name: str) -> None:
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise BadInput(
            f"gRPC cannot listen at {name}: is it in use by another process, or not of this machine?"
        )
