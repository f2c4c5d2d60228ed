"""Which requests run together, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from serving.batching import BatchingRunner
from tests.serving.batched import MINUTE, Model, refusal, run, serving, values


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


def test_inputs_without_a_batch_dimension_are_refused_at_once() -> None:
    async def test() -> None:
        async with serving(max_batch_size=4, batch_timeout_micros=MINUTE) as server:
            code, message = await refusal(asyncio.create_task(server.runner.run({"x": np.array(1.0)}, ["y"])))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert message == "Batching Run() input tensors must have at least one dimension"

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
