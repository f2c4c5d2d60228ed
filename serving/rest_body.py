"""Reading and unpacking a request's body, never holding more of it than the limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from serving.errors import invalid_argument
from serving.rest_errors import BodyTooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

PIECE = 2**20
"""Bytes that are unpacked at once."""


class ClientGone(Exception):
    """The client went away, or was too slow, before its body was here."""


async def read_body(receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes:
    """The body of a request, unpacked when it says `Content-Encoding: gzip`.

    Raises BodyTooLarge, INVALID_ARGUMENT for a broken packing, ClientGone.
    """
    packed = False
    for name, value in headers:
        if name == b"content-length" and int(value) > limit:
            raise BodyTooLarge(limit)
        if name == b"content-encoding":
            packed = b"gzip" in value.lower()
    message = await receive()
    pieces = []
    size = 0
    while message["type"] == "http.request":
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            return await asyncio.to_thread(unpack, body, limit) if packed and body else body
        message = await receive()
    raise ClientGone


def unpack(packed: bytes, limit: int) -> bytes:
    """The contents of gzip members. Raises BodyTooLarge as soon as there is more, INVALID_ARGUMENT when broken."""
    unpacked = bytearray()
    while packed:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof:
            try:
                piece = member.decompress(packed, PIECE)
            except zlib.error as error:
                raise invalid_argument(f"Failed to uncompress the gzipped body: {error}") from None
            packed = member.unconsumed_tail
            if not piece and not packed and not member.eof:
                raise invalid_argument("Failed to uncompress the gzipped body: it is cut off")
            unpacked += piece
            if len(unpacked) > limit:
                raise BodyTooLarge(limit)
        packed = member.unused_data.lstrip(b"\0")
    return bytes(unpacked)
