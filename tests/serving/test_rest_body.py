"""Bodies: chunks, limits, gzip, bombs."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
import tracemalloc
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from serving.errors import ServingError
from serving.rest_body import Body, ClientGone, Room, unpack
from serving.rest_errors import BodyTooLarge

GZIP = [(b"content-encoding", b"gzip")]


def read(
    pieces: Sequence[bytes],
    headers: Sequence[tuple[bytes, bytes]] = (),
    limit: int = 100,
    room: Room | None = None,
    *,
    ends: bool = True,
) -> tuple[bytes | ServingError | ClientGone, int]:
    """The body, or the refusal, and how many pieces were taken for it."""
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        if taken > len(pieces):
            return {"type": "http.disconnect"}
        return {
            "type": "http.request",
            "body": pieces[taken - 1],
            "more_body": not ends or taken < len(pieces),
        }

    try:
        return asyncio.run(Body(receive, room or Room(10**9)).read(headers, limit)), taken
    except (ServingError, ClientGone) as error:
        return error, taken


def test_pieces_are_joined() -> None:
    assert read([b"ab", b"", b"c"]) == (b"abc", 3)
    assert read([b""]) == (b"", 1)


def test_a_body_over_the_limit_is_refused_at_once() -> None:
    assert read([b"x" * 100], limit=100)[0] == b"x" * 100
    refused, taken = read([b"x" * 60] * 5, limit=100)
    assert isinstance(refused, BodyTooLarge)
    assert (refused.message, taken) == ("Request body is larger than 100 bytes", 2)
    refused, taken = read([b"x" * 60] * 5, [(b"content-length", b"300")], limit=100)
    assert isinstance(refused, BodyTooLarge)
    assert taken == 0


def test_a_client_that_goes_is_told_nothing() -> None:
    assert isinstance(read([b"ab"], ends=False)[0], ClientGone)


def test_all_bodies_share_their_room() -> None:
    room = Room(100)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 60}

    async def read_two() -> None:
        first, second = Body(receive, room), Body(receive, room)
        await first.read((), 100)
        assert room.free == 40
        with pytest.raises(ServingError, match="Too many large requests at once") as error:
            await second.read((), 100)
        assert error.value.code.name == "RESOURCE_EXHAUSTED"
        first.close()
        second.close()
        assert room.free == 100

    asyncio.run(read_two())
    packed = gzip.compress(b"x" * 90)
    refused, _ = read([packed], GZIP, room=Room(len(packed) + 89))
    assert isinstance(refused, ServingError)
    # To be sent again later, where a body over the limit is never taken.
    assert (refused.code.name, type(refused)) == ("RESOURCE_EXHAUSTED", ServingError)
    assert refused.message == "Too many large requests at once; try again later"
    over_both, _ = read([packed], GZIP, limit=50, room=Room(len(packed) + 60))
    assert isinstance(over_both, BodyTooLarge)
    assert over_both.message == "Request body is larger than 50 bytes"
    assert read([packed], GZIP, room=Room(len(packed) + 90))[0] == b"x" * 90


def test_gzip_is_unpacked() -> None:
    packed = gzip.compress(b"hello")
    assert read([packed[:7], packed[7:]], GZIP)[0] == b"hello"
    assert read([packed], [(b"content-encoding", b"identity, GZIP")])[0] == b"hello"
    assert read([packed + gzip.compress(b" you") + b"\0\0"], GZIP)[0] == b"hello you"
    assert read([b""], GZIP)[0] == b""
    assert read([packed], [(b"content-encoding", b"br")])[0] == packed


@pytest.mark.parametrize(
    "packed",
    [
        b"hello",
        gzip.compress(b"hello", mtime=0)[:-1],
        gzip.compress(b"hello", mtime=0)[:12],
        gzip.compress(b"hello", mtime=0)[:-8] + b"12345678",
        gzip.compress(b"hello", mtime=0) + b"x",
        zlib.compress(b"hello"),
    ],
)
def test_broken_gzip_is_refused(packed: bytes) -> None:
    refused, _ = read([packed], GZIP)
    assert isinstance(refused, ServingError)
    assert refused.code.name == "INVALID_ARGUMENT"
    assert refused.message.startswith("Failed to uncompress the gzipped body: ")


def test_a_bomb_takes_no_more_than_the_limit() -> None:
    limit = 8 * 2**20
    bomb = gzip.compress(b"\0" * (16 * limit), 9)
    assert len(bomb) < limit / 8
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            unpack(bomb, limit)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2.5 * limit


def test_many_members_and_large_bodies_are_unpacked_in_linear_time() -> None:
    members = gzip.compress(b"\0" * 1000) * 100
    with pytest.raises(BodyTooLarge):
        unpack(members, 99_999)
    assert unpack(members, 100_000) == b"\0" * 100_000
    with pytest.raises(ServingError, match="it has more than 10000 members"):
        unpack(gzip.compress(b"") * 100_000, 100)
    large = random.Random(0).randbytes(32 * 2**20)
    began = time.process_time()
    assert unpack(gzip.compress(large, 0), len(large)) == large
    assert time.process_time() - began < 5
