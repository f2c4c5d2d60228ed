"""Requests that go to the model one by one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from serving.servable import Servable
from serving.telemetry import Telemetry


class DirectRunner:
    """Runs each request by itself on a thread of a pool that all models share; the others wait for a free thread."""

    def __init__(
        self, servable: Servable, model: str, pool: ThreadPoolExecutor, telemetry: Telemetry
    ) -> None:
        self._servable = servable
        self._model = model
        self._pool = pool
        self._telemetry = telemetry
        self._unfinished: set[Future[list[np.ndarray]]] = set()

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """As `Servable.run`. A request that is cancelled before a thread took it up never runs."""
        began = time.perf_counter()
        future = self._pool.submit(self._run, feeds, fetches)
        # Not the loop's own future: that one is done when its request is cancelled, though the thread still runs.
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        answers = await asyncio.wrap_future(future)
        self._telemetry.runtime(self._model, time.perf_counter() - began)
        return answers

    async def close(self) -> None:
        """Waits for what is queued or running. The pool belongs to the server and stays."""
        while unfinished := list(self._unfinished):
            await asyncio.wait([asyncio.wrap_future(future) for future in unfinished])

    def _run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        began = time.perf_counter()
        try:
            return self._servable.run(feeds, fetches)
        finally:
            self._telemetry.graph_run(time.perf_counter() - began)


def make_pool(threads: int = 0) -> ThreadPoolExecutor:
    """The threads that models run on without batching; 0: one per CPU and one more, to overlap with Python's part."""
    return ThreadPoolExecutor(threads or (os.cpu_count() or 1) + 1, thread_name_prefix="model")
