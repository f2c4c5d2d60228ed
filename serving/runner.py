"""Requests that go to the model one by one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue

import numpy as np

from serving.servable import Servable
from serving.telemetry import Telemetry

Answer = list[np.ndarray]


class ModelThreads:
    """The threads that models run on without batching, shared by all models; jobs beyond their number wait."""

    def __init__(self, threads: int) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"model_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Callable[[], None]) -> None:
        """Calls the job, which must not raise, as soon as a thread is free."""
        self._jobs.put(job)

    def shutdown(self) -> None:
        """Ends the threads once they have done what was put."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while job := self._jobs.get():
            job()
            del job


class DirectRunner:
    """Runs each request by itself on one of the threads that all models share.

    Lighter than a ThreadPoolExecutor's futures: no locks per request, and answers that come close together wake the event
    loop once.
    """

    def __init__(self, servable: Servable, model: str, threads: ModelThreads, telemetry: Telemetry) -> None:
        self._servable = servable
        self._model = model
        self._threads = threads
        self._telemetry = telemetry
        self._unfinished = 0
        self._finished = asyncio.Event()
        self._done: deque[tuple[asyncio.Future[Answer], Answer | Exception | None]] = deque()
        self._woken = False

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> Answer:
        """As `Servable.run`. A request that is cancelled before a thread took it up never runs."""
        began = time.perf_counter()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._unfinished += 1
        self._threads.put(partial(self._run, future, feeds, fetches))
        answer = await future
        self._telemetry.runtime(self._model, time.perf_counter() - began)
        return answer

    async def close(self) -> None:
        """Waits for what is queued or running, also of requests that were cancelled. The threads stay."""
        while self._unfinished:
            self._finished.clear()
            await self._finished.wait()

    def _run(
        self, future: asyncio.Future[Answer], feeds: Mapping[str, np.ndarray], fetches: Sequence[str]
    ) -> None:
        answer: Answer | Exception | None = None
        if not future.cancelled():
            began = time.perf_counter()
            try:
                answer = self._servable.run(feeds, fetches)
            except Exception as error:
                answer = error
            self._telemetry.graph_run(time.perf_counter() - began)
        self._done.append((future, answer))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                future.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Before the answers are taken out: one that comes in between is either among them, or wakes the loop again.
        self._woken = False
        while self._done:
            future, answer = self._done.popleft()
            self._unfinished -= 1
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            elif answer is not None:
                future.set_result(answer)
        self._finished.set()


def make_pool(threads: int = 0) -> ModelThreads:
    """So many threads for models; 0: one per CPU and one more, to overlap with Python's part."""
    return ModelThreads(threads or (os.cpu_count() or 1) + 1)
