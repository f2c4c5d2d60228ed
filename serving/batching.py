"""Requests of many clients that go to the model together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence

import grpc
import numpy as np

from serving.batch_scheduler import BatchScheduler, Task
from serving.batch_tensors import allowed_size, kind, merge, row_count, split
from serving.errors import ServingError
from serving.servable import Servable
from serving.telemetry import Telemetry

log = logging.getLogger(__name__)

# The label of `queuing_latency` is empty in TF Serving, whatever thread_pool_name says.
THREAD_POOL = ""
SECONDS_BETWEEN_LOOKS = 0.005
FAULTS_OF_A_REQUEST = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)


class BatchingRunner:
    """One version of a model behind the scheduler that all share. Raises what TF Serving's BatchingSession does."""

    def __init__(
        self, servable: Servable, model: str, scheduler: BatchScheduler, telemetry: Telemetry
    ) -> None:
        self._servable = servable
        self._model = model
        self._scheduler = scheduler
        self._telemetry = telemetry

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """As `Servable.run`. A request that is cancelled in the queue leaves it.

        Raises ServingError: also that the inputs do not share their 0th dimension, or that the queue is full.
        """
        began = time.perf_counter()
        fetches = tuple(fetches)
        task = Task(feeds, row_count(feeds), kind(feeds, self._scheduler.options.pad_variable_length_inputs))
        self._telemetry.enqueued([task.size] * len(feeds))
        tasks = self._scheduler.schedule(
            self, (frozenset(feeds), fetches), lambda batch: self._process(batch, fetches), task
        )
        try:
            if len(tasks) == 1:
                answers = await tasks[0].future
            else:
                parts = await asyncio.gather(*(part.future for part in tasks))
                answers = await asyncio.to_thread(_joined, parts)
        except BaseException:
            self._scheduler.withdraw(tasks)
            raise
        self._telemetry.runtime(self._model, time.perf_counter() - began)
        return answers

    async def close(self) -> None:
        """Waits for what is queued or running, the timeout of open batches cut short."""
        self._scheduler.hurry(self)
        while self._scheduler.busy(self):
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def _process(self, tasks: list[Task], fetches: Sequence[str]) -> None:
        """Runs a batch, on a batch thread, and wakes the event loop once with all its answers."""
        now = time.perf_counter()
        for task in tasks:
            self._telemetry.dequeued(THREAD_POOL, now - task.enqueued)
        answers = self._answers_or_errors(tasks, fetches)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            tasks[0].future.get_loop().call_soon_threadsafe(_deliver, tasks, answers)

    def _answers_or_errors(
        self, tasks: Sequence[Task], fetches: Sequence[str]
    ) -> Sequence[list[np.ndarray] | ServingError]:
        """Each request's answer or error. Where one request is at fault, TF Serving fails all that share its batch; here
        each is asked again by itself.
        """
        try:
            return self._answers(tasks, fetches)
        except ServingError as error:
            if error.code in FAULTS_OF_A_REQUEST and len(tasks) > 1:
                return [each for task in tasks for each in self._answers_or_errors([task], fetches)]
            return [ServingError(error.code, error.message) for _ in tasks]
        except Exception as error:
            log.exception("A batch of model %s failed", self._model)
            return [ServingError(grpc.StatusCode.INTERNAL, str(error)) for _ in tasks]

    def _answers(self, tasks: Sequence[Task], fetches: Sequence[str]) -> list[list[np.ndarray]]:
        sizes = [task.size for task in tasks]
        size = sum(sizes)
        # A batch without a row has nothing that could be repeated.
        padding = allowed_size(size, self._scheduler.options.allowed_batch_sizes) - size if size else 0
        self._telemetry.batch(size + padding, padding)
        began = time.perf_counter()
        try:
            outputs = self._servable.run(merge([task.feeds for task in tasks], padding), fetches)
        finally:
            self._telemetry.batch_ran(time.perf_counter() - began)
        return split(outputs, sizes, padding)


def _deliver(tasks: Sequence[Task], answers: Sequence[list[np.ndarray] | ServingError]) -> None:
    for task, answer in zip(tasks, answers, strict=True):
        if task.future.done():
            continue
        if isinstance(answer, ServingError):
            task.future.set_exception(answer)
        else:
            task.future.set_result(answer)


def _joined(parts: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
