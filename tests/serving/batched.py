"""A batch scheduler with one model that remembers its batches, and requests to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from serving.batch_scheduler import BatchScheduler
from serving.batching import BatchingRunner
from serving.batching_parameters import BatchingOptions
from serving.errors import ServingError
from serving.telemetry import Telemetry

MINUTE = 60_000_000


class Model:
    """Doubles `x`, and remembers the batches. `hold` keeps it in its first run until `free` is set."""

    signatures: Mapping = {}

    def __init__(
        self, answer: Callable[[np.ndarray], np.ndarray] = lambda x: x * 2, hold: bool = False
    ) -> None:
        self.answer = answer
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()
        self.started = threading.Semaphore(0)
        self.free = threading.Event()
        if not hold:
            self.free.set()

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.started.release()
        assert self.free.wait(10)
        self.batches.append(feeds["x"].tolist())
        self.threads.add(threading.current_thread().name)
        return [self.answer(feeds["x"]) for _ in fetches]

    def close(self) -> None: ...


class Server:
    """A scheduler with one model, and requests to it."""

    def __init__(self, model: Model, telemetry: Telemetry, scheduler: BatchScheduler) -> None:
        self.model = model
        self.telemetry = telemetry
        self.scheduler = scheduler
        self.runner = BatchingRunner(model, "m", scheduler, telemetry)

    def ask(self, *rows: Any, dtype: Any = float) -> asyncio.Task[list[np.ndarray]]:
        return asyncio.create_task(self.runner.run({"x": np.array(rows, dtype)}, ["y"]))

    async def occupied(self) -> asyncio.Task[list[np.ndarray]]:
        """A request that holds the only batch thread until `model.free` is set."""
        request = self.ask(0)
        await asyncio.to_thread(self.model.started.acquire)
        return request

    def metric(self, name: str) -> float:
        for line in self.telemetry.exposition().decode().splitlines():
            if line.startswith(f":tensorflow:serving:batching_session:{name}"):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)


@asynccontextmanager
async def serving(model: Model | None = None, **options: Any) -> AsyncIterator[Server]:
    scheduler = BatchScheduler(BatchingOptions(**{"num_batch_threads": 1, **options}))
    server = Server(model or Model(), Telemetry(), scheduler)
    try:
        yield server
    finally:
        server.model.free.set()
        await server.runner.close()
        scheduler.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


async def values(*requests: asyncio.Task[list[np.ndarray]]) -> list[Any]:
    return [(await request)[0].tolist() for request in requests]


async def refusal(request: asyncio.Task[list[np.ndarray]]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(ServingError) as refused:
        await request
    return refused.value.code, refused.value.message


def negative(code: grpc.StatusCode) -> Callable[[np.ndarray], np.ndarray]:
    def check(x: np.ndarray) -> np.ndarray:
        if (x < 0).any():
            raise ServingError(code, f"negative: {x[x < 0][0]:g}")
        return x

    return check
