"""An ASGI application on sockets that already listen, next to other work on the same event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn

from serving.http_protocol import GuardedProtocol, HttpLimits


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the process's signals to whoever runs it."""
        yield


class HttpServer:
    """A running HTTP server."""

    def __init__(self, server: _Server, task: asyncio.Task[None]) -> None:
        self._server = server
        self._task = task

    async def stop(self, grace_seconds: float) -> None:
        """Closes the listening sockets and idle connections, lets requests finish for so long, then cuts them off."""
        self._server.config.timeout_graceful_shutdown = grace_seconds  # type: ignore[assignment]
        self._server.should_exit = True
        await self._task
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


async def serve_http(
    app: Any, sockets: Sequence[socket.socket], limits: HttpLimits | None = None
) -> HttpServer:
    """Serves the application on bound sockets; returns once they take connections. Installs no signal handlers."""
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
        log_config=None,
        log_level="warning",
        timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=list(sockets)))
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the HTTP server ended before it started")
        await asyncio.sleep(0.01)
    return HttpServer(server, task)
