"""A line of JSON per answered request, without what it carried."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime, timezone
from typing import NamedTuple

import orjson

access = logging.getLogger("serving.access")

LONGEST_NAME = 200
# Written together, lines cost a quarter of what they cost one by one.
SECONDS_BETWEEN_WRITES = 0.1


class RequestRecord(NamedTuple):
    """One request that was answered, well or not. What it carried is not in here."""

    api: str
    """Predict, Classify, Regress, MultiInference, GetModelMetadata, GetModelStatus, HandleReloadConfigRequest;
    empty: the path named none."""
    entrypoint: str
    """REST or GRPC."""
    model: str
    """As the client wrote it, known or not."""
    version: int | None
    """The version that answered, None where none did."""
    status: str
    """Name of the canonical code: OK, INVALID_ARGUMENT, NOT_FOUND, ..."""
    seconds: float
    request_bytes: int = 0
    response_bytes: int = 0
    peer: str = ""
    """Who asked: `127.0.0.1:51234`, or gRPC's `ipv4:127.0.0.1:51234`."""


class AccessLog:
    """Lines that wait to be written to the logger `serving.access`, for `SECONDS_BETWEEN_WRITES` at most."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, RequestRecord]] = []

    def add(self, request: RequestRecord) -> None:
        """Notes a request that was answered just now."""
        if not access.isEnabledFor(logging.INFO):
            return
        self._waiting.append((time.time(), request))
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_later(SECONDS_BETWEEN_WRITES, self.flush)
        except RuntimeError:  # no loop that would write it later
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            access.info("%s", "\n".join(access_line(when, request) for when, request in waiting))


def access_line(when: float, request: RequestRecord) -> str:
    """The request's line, with the time (seconds since 1970) in UTC."""
    return orjson.dumps(
        {
            "time": datetime.fromtimestamp(when, timezone.utc),
            "entrypoint": request.entrypoint,
            "api": request.api,
            "model": request.model[:LONGEST_NAME].encode(errors="replace").decode(),
            "version": request.version,
            "status": request.status,
            "micros": int(request.seconds * 1e6),
            "request_bytes": request.request_bytes,
            "response_bytes": request.response_bytes,
            "peer": request.peer,
        },
        option=orjson.OPT_UTC_Z,
    ).decode()
