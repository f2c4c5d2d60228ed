"""One version of a model: where it lies, what has become of it, and who is using it."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import grpc
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.errors import ServingError
from serving.servable import Runner, Servable


class State(enum.IntEnum):
    """The states of a version, in the order that it goes through them; the numbers are the protocol's."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class VersionStatus(NamedTuple):
    """What clients are told of a version."""

    version: int
    state: State
    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""


class Served(NamedTuple):
    """An available version, as requests use it."""

    name: str
    version: int
    signatures: Mapping[str, SignatureDef]
    runner: Runner


class Version:
    """A version that the manager looks after. Only ever touched on the event loop."""

    def __init__(self, name: str, number: int, path: Path) -> None:
        self.name = name
        self.number = number
        self.path = path
        self.state = State.START
        self.aspired = True
        self.failures = 0
        self.error: ServingError | None = None
        self.servable: Servable | None = None
        self.served: Served | None = None
        self.unaspired = asyncio.Event()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.number}}}"

    def aspire(self, wanted: bool) -> None:
        """Notes whether the version should (still) be served; one that should not is not tried again."""
        self.aspired = wanted
        if wanted:
            self.unaspired.clear()
        else:
            self.unaspired.set()

    def status(self) -> VersionStatus:
        """The state, with the error that ended it."""
        if self.error is None:
            return VersionStatus(self.number, self.state)
        return VersionStatus(self.number, self.state, self.error.code, self.error.message)

    def acquire(self) -> None:
        """A request starts to use the version."""
        self._in_flight += 1
        self._idle.clear()

    def release(self) -> None:
        """A request has finished with the version."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def idle(self) -> None:
        """Returns when no request uses the version."""
        await self._idle.wait()


def to_unload(versions: Iterable[Version]) -> list[Version]:
    """The versions that may go now without the model becoming unavailable (AvailabilityPreservingPolicy).

    While a wanted version is still to come, the newest of those that serve stays, wanted or not.
    """
    versions = list(versions)
    outdated = sorted(
        (version for version in versions if version.state is State.AVAILABLE and not version.aspired),
        key=lambda version: version.number,
    )
    wanted = [version for version in versions if version.aspired]
    if wanted and not any(version.state is State.AVAILABLE for version in wanted):
        return outdated[:-1]
    return outdated
