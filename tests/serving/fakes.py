"""Servables without TensorFlow, for tests of what happens around them."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef


class FakeServable:
    def __init__(self, text: str) -> None:
        self.text = text
        self.signatures: Mapping[str, SignatureDef] = {"serving_default": SignatureDef()}
        self.closed = False

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        assert not self.closed
        return [np.array(self.text)]

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class FakeRunner:
    def __init__(self, servable: Any) -> None:
        self.servable = servable
        self.closed = False

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        assert not self.closed
        return await asyncio.to_thread(self.servable.run, feeds, fetches)

    async def close(self) -> None:
        self.closed = True


class FakeLoader:
    """Loads what `push` wrote; `hold` keeps a version from being loaded until the gate is opened."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.alive: weakref.WeakSet[FakeServable] = weakref.WeakSet()
        self._gates: dict[int, threading.Event] = {}

    def hold(self, version: int) -> threading.Event:
        gate = self._gates[version] = threading.Event()
        return gate

    def __call__(self, name: str, version: int, path: Path) -> FakeServable:
        self.calls.append((name, version))
        if version in self._gates:
            assert self._gates[version].wait(20)
        servable = FakeServable((path / "model").read_text())
        self.alive.add(servable)
        return servable


def push(base: Path, version: int | str, text: str | None = "fine") -> Path:
    """Makes a version folder at once, as a rename does; without `text` it cannot be loaded."""
    hidden = base.parent / f".tmp-{base.name}-{version}"
    hidden.mkdir(parents=True)
    if text is not None:
        (hidden / "model").write_text(text)
    base.mkdir(exist_ok=True)
    return hidden.rename(base / str(version))


async def until(check: Callable[[], Any], seconds: float = 10.0) -> None:
    """Returns when `check` gives something true."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test on an event loop, for 30 seconds at most."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run
