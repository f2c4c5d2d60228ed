from __future__ import annotations

import asyncio
import threading
import time
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


def test_requests_run_together_once_a_batch_is_full() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=MINUTE) as server:
            answers = await values(server.ask(1), server.ask(2, 3), server.ask(4))
            assert answers == [[2], [4, 6], [8]]
            assert server.model.batches == [[1, 2, 3, 4]]
            assert server.model.threads == {"batch_threads_0"}
            assert server.metric("wrapped_run_count") == 1
            assert server.metric("processed_batch_size_sum") == 4
            assert server.metric("input_batch_size_count") == 3
            assert server.metric("queuing_latency_count") == 3

    run(test())


def test_a_single_request_waits_for_the_timeout_and_no_longer() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=50_000) as server:
            began = time.perf_counter()
            assert await values(server.ask(1)) == [[2]]
            assert 0.05 <= time.perf_counter() - began < 20

    run(test())


def test_without_a_timeout_a_request_runs_at_once() -> None:
    async def test() -> None:
        async with serving() as server:
            assert await values(server.ask(1)) == [[2]]
            assert server.model.batches == [[1]]

    run(test())


def test_a_request_that_does_not_fit_closes_the_batch_and_starts_the_next() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=MINUTE) as server:
            first, second = server.ask(1, 2, 3), server.ask(4, 5)
            assert await values(first) == [[2, 4, 6]]
            assert not second.done()
            third = server.ask(6, 7)
            assert await values(second, third) == [[8, 10], [12, 14]]
            assert server.model.batches == [[1, 2, 3], [4, 5, 6, 7]]

    run(test())


def test_a_request_larger_than_a_batch_is_refused() -> None:
    async def test() -> None:
        async with serving(max_batch_size=2) as server:
            assert await refusal(server.ask(1, 2, 3)) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "Task size 3 is larger than maximum input batch size 2",
            )
            assert server.model.batches == []

    run(test())


def test_a_full_queue_refuses_at_once() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_batch_size=2, max_enqueued_batches=2) as server:
            running = await server.occupied()
            waiting = [server.ask(1, 2), server.ask(3)]
            assert await refusal(server.ask(4, 5)) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "The batch scheduling queue to which this task was submitted is full; "
                "currently 2 batches enqueued and max_enqueued_batches is 2",
            )
            fits = server.ask(6)
            server.model.free.set()
            assert await values(running, *waiting, fits) == [[0], [2, 4], [6], [12]]

    run(test())


def test_batches_are_filled_up_to_an_allowed_size() -> None:
    async def test() -> None:
        options = {"max_batch_size": 8, "allowed_batch_sizes": (4, 8), "batch_timeout_micros": 20_000}
        async with serving(**options) as server:
            assert await values(server.ask(1), server.ask(2, 3)) == [[2], [4, 6]]
            assert server.model.batches == [[1, 2, 3, 2]]
            assert server.metric('padding_size_sum{execution_batch_size="4"}') == 1
            assert server.metric("processed_batch_size_sum") == 4

    run(test())


def test_a_request_without_rows_is_not_padded() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, allowed_batch_sizes=(4,)) as server:
            assert await values(server.ask()) == [[]]
            assert server.model.batches == [[]]

    run(test())


def test_requests_of_other_shapes_or_types_do_not_share_a_batch() -> None:
    async def test() -> None:
        async with serving(max_batch_size=2, batch_timeout_micros=MINUTE) as server:
            shapes = [server.ask([1, 2]), server.ask([1, 2, 3]), server.ask([3, 4]), server.ask([4, 5, 6])]
            types = [server.ask([1, 2], dtype=int), server.ask([5, 6], dtype=int)]
            answers = await values(*shapes, *types)
            assert answers == [[[2, 4]], [[2, 4, 6]], [[6, 8]], [[8, 10, 12]], [[2, 4]], [[10, 12]]]
            assert sorted(server.model.batches) == [
                [[1, 2], [3, 4]],
                [[1, 2], [5, 6]],
                [[1, 2, 3], [4, 5, 6]],
            ]

    run(test())


def test_variable_lengths_are_padded_where_asked() -> None:
    async def test() -> None:
        options = {"max_batch_size": 2, "batch_timeout_micros": MINUTE, "pad_variable_length_inputs": True}
        async with serving(**options) as server:
            assert await values(server.ask([1, 2]), server.ask([3, 4, 5])) == [[[2, 4, 2]], [[6, 8, 10]]]

    run(test())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.sum, "Batched output tensor has 0 dimensions"),
        (
            lambda x: x[:1],
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ),
    ],
)
def test_answers_that_are_not_one_per_row(answer: Callable, message: str) -> None:
    async def test() -> None:
        async with serving(Model(lambda x: np.asarray(answer(x)))) as server:
            assert await refusal(server.ask(1, 2)) == (grpc.StatusCode.FAILED_PRECONDITION, message)

    run(test())


def test_inputs_without_a_batch_dimension_are_refused_at_once() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=MINUTE) as server:
            code, message = await refusal(asyncio.create_task(server.runner.run({"x": np.array(1.0)}, ["y"])))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert message == "Batching Run() input tensors must have at least one dimension"

    run(test())


def negative(code: grpc.StatusCode) -> Callable[[np.ndarray], np.ndarray]:
    def check(x: np.ndarray) -> np.ndarray:
        if (x < 0).any():
            raise ServingError(code, f"negative: {x[x < 0][0]:g}")
        return x

    return check


@pytest.mark.parametrize("code", [grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.INVALID_ARGUMENT])
def test_a_request_at_fault_fails_alone(code: grpc.StatusCode) -> None:
    async def test() -> None:
        async with serving(Model(negative(code)), max_batch_size=3, batch_timeout_micros=MINUTE) as server:
            requests = [server.ask(value) for value in (1, 2, 7, -3, 4, -5)]
            assert await values(*requests[:3], requests[4]) == [[1], [2], [7], [4]]
            assert await refusal(requests[3]) == (code, "negative: -3")
            assert await refusal(requests[5]) == (code, "negative: -5")
            assert server.metric("wrapped_run_count") == 2 + 3

    run(test())


def test_an_error_that_is_no_requests_fault_reaches_its_batch_and_no_other() -> None:
    async def test() -> None:
        model = Model(negative(grpc.StatusCode.INTERNAL))
        async with serving(model, max_batch_size=2, batch_timeout_micros=MINUTE) as server:
            requests = [server.ask(value) for value in (1, 2, -3, 4, 5, 6)]
            assert await values(*requests[:2], *requests[4:]) == [[1], [2], [5], [6]]
            first, second = requests[2:4]
            message = (grpc.StatusCode.INTERNAL, "negative: -3")
            assert await refusal(first) == await refusal(second) == message
            assert first.exception() is not second.exception()
            assert server.metric("wrapped_run_count") == 3

    run(test())


def test_a_fault_in_a_batch_does_not_end_its_thread() -> None:
    async def test() -> None:
        async with serving(Model(lambda x: x if x[0] else 1 / 0)) as server:  # type: ignore[arg-type, return-value]
            assert await refusal(server.ask(0)) == (grpc.StatusCode.INTERNAL, "division by zero")
            assert await values(server.ask(1)) == [[1]]

    run(test())


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_batch_size=2, max_enqueued_batches=1) as server:
            running = await server.occupied()
            given_up, stays = server.ask(1), server.ask(2)
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.wait([given_up])
            takes_its_place = server.ask(3)
            await asyncio.sleep(0)
            server.model.free.set()
            assert await values(running, stays, takes_its_place) == [[0], [4], [6]]
            assert server.model.batches == [[0], [2, 3]]

    run(test())


def test_a_batch_that_all_left_does_not_run() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_enqueued_batches=1) as server:
            running = await server.occupied()
            request = server.ask(1)
            await asyncio.sleep(0)
            request.cancel()
            await asyncio.wait([request])
            server.model.free.set()
            await running
            await server.runner.close()
            assert server.model.batches == [[0]]

    run(test())


def test_a_request_that_is_cancelled_while_it_runs_harms_nobody() -> None:
    async def test() -> None:
        model = Model(hold=True)
        async with serving(model, max_batch_size=2, batch_timeout_micros=MINUTE) as server:
            given_up, stays = server.ask(1), server.ask(2)
            await asyncio.to_thread(model.started.acquire)
            given_up.cancel()
            await asyncio.wait([given_up])
            closing = asyncio.create_task(server.runner.close())
            await asyncio.sleep(0.02)
            assert not closing.done()
            model.free.set()
            assert await values(stays) == [[4]]
            await closing

    run(test())


def test_closing_runs_what_waits_without_its_timeout() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=MINUTE) as server:
            request = server.ask(1)
            await asyncio.sleep(0.01)
            assert not request.done()
            await server.runner.close()
            assert await values(request) == [[2]]
            assert not server.scheduler.busy(server.runner)

    run(test())


def test_a_large_request_is_spread_over_batches() -> None:
    async def test() -> None:
        options = {"max_batch_size": 10, "max_execution_batch_size": 4, "enable_large_batch_splitting": True}
        async with serving(batch_timeout_micros=50_000, **options) as server:
            small, large = server.ask(1, 2, 3), server.ask(4, 5, 6, 7, 8, 9)
            assert await values(small, large) == [[2, 4, 6], [8, 10, 12, 14, 16, 18]]
            assert server.model.batches == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]

    run(test())


def test_a_split_request_needs_room_for_all_its_parts() -> None:
    async def test() -> None:
        options = {"max_batch_size": 10, "max_execution_batch_size": 2, "enable_large_batch_splitting": True}
        async with serving(Model(hold=True), max_enqueued_batches=2, **options) as server:
            running = await server.occupied()
            waiting = server.ask(1)
            await asyncio.sleep(0)
            assert await refusal(server.ask(2, 3, 4, 5)) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "The batch scheduling queue to which this task was submitted is full; task size is 4 but scheduling "
                "capacity is only 3 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, "
                "max_execution_batch_size=2)",
            )
            fits = server.ask(2, 3, 4)
            server.model.free.set()
            assert await values(running, waiting, fits) == [[0], [2], [4, 6, 8]]

    run(test())


def test_a_split_request_fails_as_one() -> None:
    async def test() -> None:
        options = {"max_batch_size": 6, "max_execution_batch_size": 2, "enable_large_batch_splitting": True}
        async with serving(Model(negative(grpc.StatusCode.OUT_OF_RANGE)), **options) as server:
            refused = (grpc.StatusCode.OUT_OF_RANGE, "negative: -4")
            assert await refusal(server.ask(1, 2, 3, -4, 5, 6)) == refused

    run(test())


def test_models_take_turns() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_batch_size=1, max_enqueued_batches=100) as server:
            other = BatchingRunner(server.model, "other", server.scheduler, server.telemetry)
            running = await server.occupied()
            many = [server.ask(value) for value in (1, 2, 3, 4)]
            await asyncio.sleep(0)
            few = [asyncio.create_task(other.run({"x": np.array([value])}, ["y"])) for value in (10, 20)]
            await asyncio.sleep(0)
            server.model.free.set()
            await values(running, *many, *few)
            assert server.model.batches == [[0], [1], [10], [2], [20], [3], [4]]

    run(test())


def test_signatures_and_fetches_have_their_own_batches() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_batch_size=4) as server:
            running = await server.occupied()
            feeds = {"x": np.array([1.0])}
            one = asyncio.create_task(server.runner.run(feeds, ["y"]))
            both = asyncio.create_task(server.runner.run(feeds, ["y", "z"]))
            await asyncio.sleep(0)
            server.model.free.set()
            assert [len(await request) for request in (running, one, both)] == [1, 1, 2]
            assert server.model.batches == [[0], [1], [1]]

    run(test())


def test_two_threads_run_two_batches_at_once() -> None:
    async def test() -> None:
        async with serving(Model(hold=True), max_batch_size=1, num_batch_threads=2) as server:
            requests = [server.ask(1), server.ask(2)]
            for _ in requests:
                assert await asyncio.to_thread(server.model.started.acquire, True, 5)
            server.model.free.set()
            assert await values(*requests) == [[2], [4]]
            assert len(server.model.threads) == 2

    run(test())


def test_the_loop_is_woken_once_per_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        loop, woken = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe

        def counted(callback: Callable, *arguments: Any, **given: Any) -> asyncio.Handle:
            woken.append(callback.__name__)
            return wake(callback, *arguments, **given)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        async with serving(max_batch_size=32, batch_timeout_micros=MINUTE) as server:
            await values(*(server.ask(value) for value in range(32)))
            assert woken == ["_deliver"]

    run(test())
