"""As much HTTP/2 as one unary gRPC call after another needs: cheap enough to leave the processor to the server.

Frames as in RFC 9113, headers as in RFC 7541; the client sends each header once and names it by its number from then on.
"""

from __future__ import annotations

import asyncio
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
STATIC_TABLE = 61
METHOD_POST, SCHEME_HTTP = b"\x83", b"\x86"
LARGEST_FRAME = 16_384
WIDE_WINDOW = 2**30


class GrpcConnection(asyncio.Protocol):
    """One connection and one call at a time, always of the same method with the same message."""

    def __init__(self, authority: str, method: str, message: bytes) -> None:
        self._body = struct.pack(">BI", 0, len(message)) + message
        fields = [
            (b":path", method.encode()),
            (b":authority", authority.encode()),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]
        self._first_headers = METHOD_POST + SCHEME_HTTP + b"".join(_literal(*field) for field in fields)
        newest = STATIC_TABLE + 1
        numbers = range(newest + len(fields) - 1, newest - 1, -1)
        self._headers = METHOD_POST + SCHEME_HTTP + bytes(0x80 | number for number in numbers)
        self._stream = -1
        self._received = b""
        self._window = self._stream_window = self._first_window = 65_535
        self._unsent = memoryview(b"")
        self._answer: list[bytes] = []
        self._done: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, WIDE_WINDOW)
        widen = struct.pack(">I", WIDE_WINDOW)
        transport.write(PREFACE + _frame(SETTINGS, 0, 0, settings) + _frame(WINDOW_UPDATE, 0, 0, widen))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"connection lost: {error}")

    async def call(self) -> bytes:
        """The message that answers. Raises RuntimeError for a call that failed, with what the server said."""
        self._done = asyncio.get_running_loop().create_future()
        self._answer = []
        self._stream += 2
        headers = self._first_headers if self._stream == 1 else self._headers
        self._stream_window = self._first_window
        self._unsent = memoryview(self._body)
        self._transport.write(_frame(HEADERS, END_HEADERS, self._stream, headers) + self._next_data())
        return await self._done

    def close(self) -> None:
        self._done = None
        self._transport.close()

    def data_received(self, received: bytes) -> None:
        buffer, at = self._received + received, 0
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at - 9 < length:
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
            self._take(buffer[at + 3], buffer[at + 4], stream, buffer[at + 9 : at + 9 + length])
            at += 9 + length
        self._received = buffer[at:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._answer.append(payload)
        elif kind == HEADERS:
            if flags & END_STREAM:
                self._finish(payload)
        elif kind == WINDOW_UPDATE:
            self._widen(stream, int.from_bytes(payload, "big"))
        elif kind == PING:
            if not flags & ACK:
                self._transport.write(_frame(PING, ACK, 0, payload))
        elif kind == SETTINGS:
            if not flags & ACK:
                self._transport.write(_frame(SETTINGS, ACK, 0, b""))
                settings = dict(struct.iter_unpack(">HI", payload))
                wider = settings.get(INITIAL_WINDOW_SIZE, self._first_window) - self._first_window
                self._first_window += wider
                self._widen(self._stream, wider)
        elif kind in (RST_STREAM, GOAWAY):
            self._fail(f"{'stream' if kind == RST_STREAM else 'connection'} ended by the server: {payload!r}")

    def _widen(self, stream: int, size: int) -> None:
        if stream == 0:
            self._window += size
        elif stream == self._stream:
            self._stream_window += size
        if self._unsent and (data := self._next_data()):
            self._transport.write(data)

    def _next_data(self) -> bytes:
        """Frames with as much of the message as the server's windows let through."""
        frames = []
        while self._unsent and (room := min(self._window, self._stream_window, LARGEST_FRAME)) > 0:
            part, self._unsent = self._unsent[:room], self._unsent[room:]
            self._window -= len(part)
            self._stream_window -= len(part)
            frames.append(_frame(DATA, 0 if self._unsent else END_STREAM, self._stream, bytes(part)))
        return b"".join(frames)

    def _finish(self, trailers: bytes) -> None:
        message = b"".join(self._answer)
        if not message:  # an error is answered with trailers alone
            self._fail(trailers.decode(errors="replace"))
        elif self._done and not self._done.done():
            self._done.set_result(message[5:])

    def _fail(self, reason: str) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(RuntimeError(reason))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that both sides remember; names and values are shorter than 127 bytes."""
    return bytes([0x40, len(name)]) + name + bytes([len(value)]) + value
