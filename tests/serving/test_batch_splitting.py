"""Requests larger than a batch, spread over several."""

from __future__ import annotations

import asyncio

import grpc

from tests.serving.batched import Model, negative, refusal, run, serving, values


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
