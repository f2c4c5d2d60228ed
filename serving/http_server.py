"""An ASGI application on sockets that already listen, next to other work on the same event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn

from serving.addresses import BACKLOG
from serving.http_protocol import GuardedProtocol, HttpLimits

ACCEPTED_AT_ONCE = 8
"""asyncio tries to accept as many connections as its backlog says, each time, also when there is no file descriptor left
for the first one, and logs each failure."""


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; clients still queue up as they did before it took the sockets."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the process's signals to whoever runs it."""
        yield


async def serve_http(
    app: Any,
    sockets: Sequence[socket.socket],
    stopping: asyncio.Event,
    drain_seconds: float,
    limits: HttpLimits | None = None,
) -> None:
    """Serves the application on bound sockets until `stopping` is set, then lets requests finish for so long.

    Closes the sockets. Installs no signal handlers.
    """
    limits = limits or HttpLimits()
    config = uvicorn.Config(
        app,
        http=type("Protocol", (GuardedProtocol,), {"limits": limits}),
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]
        timeout_graceful_shutdown=drain_seconds,  # type: ignore[arg-type]
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=list(sockets)))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        server.should_exit = True
        await serving
        for connection in list(server.server_state.connections):
            connection.transport.abort()
