"""Where the server listens."""

from __future__ import annotations

import errno
import socket
from typing import NoReturn

from common.errors import BadInput

BACKLOG = 1024


def resolve(host: str) -> list[str]:
    """The addresses of a host name that this machine has: `localhost` -> `127.0.0.1` and, with IPv6, `::1`.

    Raises BadInput when the name is unknown or is another machine's.
    """
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BadInput(
            f"--host={host}: {error.strerror or error}; give a name or address of this machine"
        ) from None
    addresses = [name for name in dict.fromkeys(str(each[4][0]) for each in found) if _is_ours(name)]
    if not addresses:
        raise BadInput(f"--host={host} is no address of this machine; 0.0.0.0 stands for all that it has")
    return addresses


def join(address: str, port: int) -> str:
    """`127.0.0.1:8500`, `[::1]:8500`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def bind(addresses: list[str], port: int, flag: str) -> list[socket.socket]:
    """A socket per address, bound but not listening yet: clients are refused until the models are there.

    Raises BadInput naming the flag when somebody listens there already.
    """
    sockets = []
    for address in addresses:
        sockets.append(socket.socket(_family(address)))
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sockets[-1].bind((address, port))
        except OSError as error:
            _give_up(sockets, port, flag, error)
    return sockets


def listen(sockets: list[socket.socket], port: int, flag: str) -> None:
    """Lets clients in. Raises BadInput when another process was quicker."""
    for each in sockets:
        try:
            each.listen(BACKLOG)
        except OSError as error:
            _give_up(sockets, port, flag, error)


def _give_up(sockets: list[socket.socket], port: int, flag: str, error: OSError) -> NoReturn:
    for each in sockets:
        each.close()
    if error.errno == errno.EADDRINUSE:
        raise BadInput(f"{flag}={port} is used by another process: choose another port") from None
    raise BadInput(f"{flag}={port} cannot be listened on ({error.strerror}): choose another port") from None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _is_ours(address: str) -> bool:
    with socket.socket(_family(address)) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
