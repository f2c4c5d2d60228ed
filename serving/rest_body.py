"""Reading and unpacking a request's body, never holding more of it than the limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import grpc

from serving.errors import ServingError, invalid_argument
from serving.rest_errors import BodyTooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

PACKED_PIECE = 2**16
UNPACKED_PIECE = 2**20
"""Bytes that are unpacked at once, and to how many at most."""

MOST_MEMBERS = 10_000
"""Parts of a gzip file; each costs time, however empty it is."""


class ClientGone(Exception):
    """The client went away, or was too slow, before its body was here."""


class Room:
    """The memory that the bodies of all requests share."""

    def __init__(self, size: int) -> None:
        self.free = size

    def take(self, size: int) -> None:
        """Raises RESOURCE_EXHAUSTED when there is not so much left."""
        if size > self.free:
            raise _no_room()
        self.free -= size

    def give_back(self, size: int) -> None:
        """What was taken is not needed any more."""
        self.free += size


class Body:
    """The body of one request, on its way in. `close` it when the request is answered."""

    def __init__(self, receive: Receive, room: Room) -> None:
        self._receive = receive
        self._room = room
        self._taken = 0
        self.complete = False

    async def read(self, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes:
        """All of it, unpacked when the headers say `Content-Encoding: gzip`.

        Raises BodyTooLarge, INVALID_ARGUMENT for a broken packing, RESOURCE_EXHAUSTED, ClientGone.
        """
        packed = False
        for name, value in headers:
            if name == b"content-length" and int(value) > limit:
                raise BodyTooLarge(limit)
            if name == b"content-encoding":
                packed = b"gzip" in value.lower()
        pieces = []
        size = 0
        while not self.complete:
            pieces.append(await self._next())
            size += len(pieces[-1])
            if size > limit:
                raise BodyTooLarge(limit)
            self._take(len(pieces[-1]))
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if not packed or not body:
            return body
        most = min(limit, self._room.free)
        try:
            unpacked = await asyncio.to_thread(unpack, body, most)
        except BodyTooLarge:
            if most < limit:
                raise _no_room() from None
            raise
        self._take(len(unpacked))
        return unpacked

    async def discard(self, most: int) -> bool:
        """Reads what is left; whether that was no more than `most` bytes.

        A client that is answered, and cut off, before it has sent its whole body sees a broken connection, no answer.
        """
        size = 0
        while not self.complete and size <= most:
            size += len(await self._next())
        return self.complete

    def close(self) -> None:
        """Gives the body's room back."""
        self._room.give_back(self._taken)
        self._taken = 0

    def _take(self, size: int) -> None:
        self._room.take(size)
        self._taken += size

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        self.complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def unpack(packed: bytes, limit: int) -> bytes:
    """The contents of gzip members. Raises BodyTooLarge as soon as there is more, INVALID_ARGUMENT when broken."""
    unpacked = bytearray()
    member = _member()
    members = 1
    for start in range(0, len(packed), PACKED_PIECE):
        piece = packed[start : start + PACKED_PIECE]
        while piece:
            if member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                member = _member()
                members += 1
                if members > MOST_MEMBERS:
                    raise _broken(f"it has more than {MOST_MEMBERS} members")
            try:
                unpacked += member.decompress(piece, UNPACKED_PIECE)
            except zlib.error as error:
                raise _broken(str(error)) from None
            if len(unpacked) > limit:
                raise BodyTooLarge(limit)
            piece = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof:
        rest = member.decompress(b"", UNPACKED_PIECE)
        if not rest and not member.eof:
            raise _broken("it is cut off")
        unpacked += rest
        if len(unpacked) > limit:
            raise BodyTooLarge(limit)
    return bytes(unpacked)


def _member() -> Any:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _no_room() -> ServingError:
    return ServingError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many large requests at once; try again later"
    )


def _broken(reason: str) -> ServingError:
    return invalid_argument(f"Failed to uncompress the gzipped body: {reason}")
