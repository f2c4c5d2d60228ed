"""uvicorn's HTTP/1.1 protocol, with an end to clients that are too slow, too long-winded or gone."""

from __future__ import annotations

import asyncio
import enum
import math
import re
import socket
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.json_results import error_json

_UPGRADE = re.compile(rb"(?<=\r\n)upgrade(?=:)", re.IGNORECASE)

WATCH_SECONDS = 5.0
"""Time between two looks at a client that does not take its response."""


@dataclass(frozen=True)
class HttpLimits:
    """What a connection may take. Times in seconds."""

    head_seconds: float = 30.0
    """From the connection, or the first byte of a request, to the end of its headers."""
    head_bytes: int = 64 * 2**10
    """Request line, and headers."""
    body_seconds: float = 60.0
    """For a request to come, and for a response to be taken, besides the time that their size gives them."""
    bytes_per_second: float = 10_000.0
    """Least rate of a body on its way in."""
    idle_seconds: float = 75.0
    """Between two requests of a connection."""


class Phase(enum.Enum):
    """What a connection reads: nothing yet, a request's line and headers, its body."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A single timer looks after what it reads, `_deadline` says when that is late."""

    limits = HttpLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._phase = Phase.IDLE
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._refusal = (400, "Malformed request: not HTTP")
        self._running: asyncio.Task[None] | None = None
        self._gone = False
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            # asyncio does so only for sockets made with a protocol number.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expect_within(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        for handle in (self._timer, self._watch):
            if handle is not None:
                handle.cancel()
        if self._running is not None:
            self._running.cancel()

    def data_received(self, data: bytes) -> None:
        in_head = self._phase is Phase.HEAD
        if self._phase is Phase.IDLE and self._deadline == math.inf:
            self._expect_within(self.limits.head_seconds)
        if self._phase is not Phase.BODY and b"pgrade" in data:
            data = without_upgrade(data)
        super().data_received(data)
        if in_head and self._phase is Phase.HEAD and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes:
                self._refuse(431, "Request headers are too long")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._head_bytes = 0
        self._expect_within(self.limits.head_seconds)

    def on_headers_complete(self) -> None:
        headers = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + headers > self.limits.head_bytes:
            self._refusal = (431, "Request headers are too long")
            raise ValueError(self._refusal[1])
        self._phase = Phase.BODY
        super().on_headers_complete()
        self._expect_within(self.limits.body_seconds)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._deadline += len(body) / self.limits.bytes_per_second

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = Phase.IDLE
        self._deadline = math.inf
        if self.cycle.response_complete:  # before the whole body was here, so that no other timer runs
            self._expect_within(self.limits.idle_seconds)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._watch_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(*self._refusal)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def until_gone(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                if not self._gone:
                    raise
                cycle.disconnected = True

        self._running = self.loop.create_task(cycle.run_asgi(until_gone))
        self.tasks.add(self._running)
        self._running.add_done_callback(self.tasks.discard)

    def _expect_within(self, seconds: float) -> None:
        """What is being read has to be here in so many seconds."""
        self._deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._check)
        elif self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = self.loop.call_at(self._deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._deadline == math.inf or self.transport.is_closing():
            return
        if self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._check)
        elif self.flow.read_paused or (self._is_answering() and self._phase is not Phase.BODY):
            self._expect_within(self.limits.head_seconds)  # it is not the client that is waited for
        else:
            self._end_late_request()

    def _end_late_request(self) -> None:
        if self._phase is Phase.IDLE or (self._phase is Phase.BODY and not self._is_answering()):
            self._close()
            return
        if self._phase is Phase.BODY:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self._close()
                return
        self._refuse(408, "Timed out waiting for the request")

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int, message: str) -> None:
        """Answers what never became a request, and ends the connection."""
        body = error_json(message)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(
            body
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._watch_writing()

    def _watch_writing(self) -> None:
        """Ends the connection when the client stops taking what is written to it."""
        if self._watch is None and not self._gone:
            size = self.transport.get_write_buffer_size()
            self._watch = self.loop.call_later(WATCH_SECONDS, self._look, size, self.loop.time())

    def _look(self, pending: int, since: float) -> None:
        self._watch = None
        size = self.transport.get_write_buffer_size()
        now = self.loop.time()
        if not size:
            return
        if size > pending or pending - size >= WATCH_SECONDS * self.limits.bytes_per_second:
            pending, since = size, now
        elif now - since > self.limits.body_seconds:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(WATCH_SECONDS, self._look, pending, since)


def without_upgrade(data: bytes) -> bytes:
    """The start of a request whose header `Upgrade` means nothing any more.

    Clients of HTTP/2 (Java's, curl's) ask with it whether the server speaks that too, and go on without it when
    it does not answer so; the parser would take the request for one without a body, and the last one.
    """
    head, blank, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"x-upgrade", head) + blank + rest
