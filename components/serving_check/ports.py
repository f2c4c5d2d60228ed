"""Ports for a server that is about to start, which nobody else gets meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LOOPBACK = "127.0.0.1"


@contextmanager
def reserved(count: int) -> Iterator[list[int]]:
    """Free ports of the loopback interface, kept out of the kernel's hands until the block ends.

    They are bound, without listening, in a way that lets a server of the same user bind them too (SO_REUSEADDR is set on
    both sides): two checks at once never choose the same port.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for holder in sockets:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((LOOPBACK, 0))
        yield [holder.getsockname()[1] for holder in sockets]
