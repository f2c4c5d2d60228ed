"""Requests that are cancelled before and while they run, and the end of a version."""

from __future__ import annotations

import asyncio

from tests.serving.batched import MINUTE, Model, run, serving, values


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
