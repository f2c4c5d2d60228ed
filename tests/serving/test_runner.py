from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import pytest

from serving.errors import ServingError
from serving.runner import DirectRunner, make_pool
from serving.telemetry import Telemetry


class Doubling:
    """A model that doubles its input once it is let go, and keeps count."""

    signatures: Mapping = {}

    def __init__(self, free: bool = True) -> None:
        self.free = threading.Event()
        self.started = threading.Semaphore(0)
        self.runs: list[float] = []
        if free:
            self.free.set()

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.started.release()
        assert self.free.wait(10)
        self.runs.append(float(feeds["x"][0]))
        if feeds["x"][0] < 0:
            raise ServingError(grpc.StatusCode.INVALID_ARGUMENT, "negative")
        return [feeds["x"] * 2 for _ in fetches]

    def close(self) -> None: ...


def x(value: float) -> dict[str, np.ndarray]:
    return {"x": np.array([value])}


def test_a_request_is_answered_and_timed() -> None:
    telemetry = Telemetry()

    async def ask() -> list[np.ndarray]:
        return await DirectRunner(Doubling(), "m", make_pool(1), telemetry).run(x(3), ["y"])

    assert asyncio.run(ask())[0].tolist() == [6]
    page = telemetry.exposition().decode()
    assert ':tensorflow:serving:runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 1\n' in page
    assert ":tensorflow:core:graph_runs{} 1\n" in page


def test_an_error_reaches_its_request() -> None:
    async def ask() -> None:
        await DirectRunner(Doubling(), "m", make_pool(1), Telemetry()).run(x(-1), ["y"])

    with pytest.raises(ServingError, match=r"^negative$"):
        asyncio.run(ask())


def test_a_request_that_is_cancelled_while_it_waits_never_runs() -> None:
    model = Doubling(free=False)

    async def ask() -> None:
        runner = DirectRunner(model, "m", make_pool(1), Telemetry())
        first = asyncio.create_task(runner.run(x(1), ["y"]))
        await asyncio.to_thread(model.started.acquire)
        second = asyncio.create_task(runner.run(x(2), ["y"]))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        model.free.set()
        assert (await first)[0].tolist() == [2]
        await runner.close()

    asyncio.run(ask())
    assert model.runs == [1]


def test_closing_waits_for_a_run_whose_request_was_cancelled() -> None:
    model = Doubling(free=False)

    async def ask() -> None:
        runner = DirectRunner(model, "m", make_pool(1), Telemetry())
        request = asyncio.create_task(runner.run(x(1), ["y"]))
        await asyncio.to_thread(model.started.acquire)
        request.cancel()
        await asyncio.wait([request])
        closing = asyncio.create_task(runner.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        model.free.set()
        await closing

    asyncio.run(ask())
    assert model.runs == [1]


def test_answers_that_come_close_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Doubling()

    async def ask() -> None:
        loop, woken = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe

        def counted(callback: Callable, *arguments: Any, **given: Any) -> asyncio.Handle:
            woken.append(callback.__name__)
            return wake(callback, *arguments, **given)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        pool = make_pool(1)
        runner = DirectRunner(model, "m", pool, Telemetry())
        requests = [asyncio.create_task(runner.run(x(value), ["y"])) for value in (1, 2, 3)]
        await asyncio.sleep(0)
        pool.shutdown()  # holds the loop until all have run
        assert [(await request)[0].tolist() for request in requests] == [[2], [4], [6]]
        assert woken == ["_deliver"]

    asyncio.run(ask())


def test_a_thread_outlives_a_fault_and_a_loop_that_is_gone() -> None:
    pool = make_pool(1)
    model = Doubling()

    async def ask(value: object) -> list[np.ndarray]:
        return await DirectRunner(model, "m", pool, Telemetry()).run({"x": value}, ["y"])  # type: ignore[dict-item]

    with pytest.raises(TypeError):
        asyncio.run(ask(None))
    assert asyncio.run(ask(np.array([1.0])))[0].tolist() == [2]


def test_a_loop_that_closed_meanwhile_does_not_hold_up_the_next_one() -> None:
    pool, model = make_pool(1), Doubling(free=False)

    async def leave() -> None:
        asyncio.create_task(DirectRunner(model, "m", pool, Telemetry()).run(x(1), ["y"]))  # noqa: RUF006
        await asyncio.to_thread(model.started.acquire)

    asyncio.run(leave())
    model.free.set()

    async def ask() -> list[np.ndarray]:
        return await asyncio.wait_for(DirectRunner(model, "m", pool, Telemetry()).run(x(2), ["y"]), 20)

    assert asyncio.run(ask())[0].tolist() == [4]
