"""One version follows another without a gap, and without staying in memory."""

from __future__ import annotations

import asyncio
import gc
import shutil
from pathlib import Path

import pytest

from serving.versions import Served
from tests.serving.fakes import FakeLoader, on_loop, push, until
from tests.serving.managed import answer, config, make_manager, refusal, spec, states


@on_loop
async def test_the_old_version_answers_until_the_new_one_is_loaded_and_warm(base: Path):
    push(base, 1, "old")
    load, warm, warmed = FakeLoader(), asyncio.Event(), []
    gate = load.hold(2)

    async def warm_up(served: Served, path: Path) -> None:
        warmed.append((served.version, path.name))
        if served.version == 2:
            await warm.wait()

    manager = make_manager(load, warm_up=warm_up)
    await manager.start(config(("m", base)))
    push(base, 2, "new")
    await until(lambda: ("m", 2) in load.calls)
    assert states(manager) == [(2, "LOADING"), (1, "AVAILABLE")]
    assert await answer(manager) == (1, "old")
    assert refusal(manager, spec("m", 2))[0] == "NOT_FOUND"
    gate.set()
    await until(lambda: (2, "2") in warmed)
    await asyncio.sleep(0.05)
    assert await answer(manager) == (1, "old")
    warm.set()
    await until(lambda: states(manager) == [(2, "AVAILABLE"), (1, "END")])
    assert await answer(manager) == (2, "new")
    await manager.close()


@on_loop
async def test_a_version_that_is_not_wanted_any_more_is_not_warmed_to_the_end(base: Path):
    push(base, 1)
    load, warming = FakeLoader(), asyncio.Event()

    async def warm_up(served: Served, path: Path) -> None:
        warming.set()
        await asyncio.Event().wait()

    manager = make_manager(load, warm_up=warm_up)
    starting = asyncio.create_task(manager.start(config(("m", base))))
    await warming.wait()
    starting.cancel()
    await asyncio.wait_for(manager.close(), 5)
    gc.collect()
    assert not load.alive


@on_loop
async def test_requests_in_flight_on_the_old_version_finish(base: Path):
    push(base, 1, "old")
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    with manager.use(spec()) as served:
        push(base, 2, "new")
        await until(lambda: states(manager) == [(2, "AVAILABLE"), (1, "UNLOADING")])
        assert await answer(manager) == (2, "new")
        assert refusal(manager, spec("m", 1)) == (
            "NOT_FOUND",
            "Servable not found for request: Specific(m, 1)",
        )
        await asyncio.sleep(0.05)
        assert str((await served.runner.run({}, []))[0]) == "old"
        runner, servable = served.runner, served.runner.servable
    await until(lambda: states(manager)[1] == (1, "END"))
    assert runner.closed
    assert servable.closed
    await manager.close()


@on_loop
async def test_no_request_fails_across_many_swaps_and_no_version_stays_in_memory(base: Path):
    push(base, 1, "1")
    load = FakeLoader()
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    seen: set[int] = set()
    running = True

    async def client() -> None:
        while running:
            version, text = await answer(manager)
            assert text == str(version)
            seen.add(version)

    clients = [asyncio.create_task(client()) for _ in range(4)]
    for version in range(2, 12):
        push(base, version, str(version))
        await until(lambda: manager.available() == {"m": [version]})  # noqa: B023
    running = False
    await asyncio.gather(*clients)
    assert seen >= set(range(2, 12))
    await until(lambda: all(state == "END" for _, state in states(manager)[1:]))
    gc.collect()
    assert len(load.alive) == 1
    await manager.close()


@on_loop
async def test_a_removed_version_is_unloaded_after_the_one_before_is_back(base: Path):
    push(base, 1, "one")
    push(base, 2, "two")
    load = FakeLoader()
    gate = load.hold(1)
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    shutil.rmtree(base / "2")
    await until(lambda: ("m", 1) in load.calls)
    assert await answer(manager) == (2, "two")
    gate.set()
    await until(lambda: states(manager) == [(2, "END"), (1, "AVAILABLE")])
    assert await answer(manager) == (1, "one")
    shutil.rmtree(base / "1")
    await until(lambda: states(manager) == [(2, "END"), (1, "END")])
    assert manager.available() == {"m": []}
    assert refusal(manager, spec()) == ("NOT_FOUND", "Servable not found for request: Latest(m)")
    await manager.close()


@on_loop
async def test_a_load_does_not_keep_the_loop_from_answering(base: Path):
    push(base, 1)
    load = FakeLoader()
    gate = load.hold(2)
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    push(base, 2)
    await until(lambda: ("m", 2) in load.calls)
    for _ in range(100):
        assert await answer(manager) == (1, "fine")
        await asyncio.sleep(0)
    assert manager.available() == {"m": [1]}
    gate.set()
    await until(lambda: manager.available() == {"m": [2]})
    await manager.close()


@on_loop
async def test_a_version_that_comes_back_while_it_is_unloaded_is_loaded_again(base: Path):
    push(base, 1, "before")
    load = FakeLoader()
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    with manager.use(spec()):
        shutil.rmtree(base / "1")
        await until(lambda: states(manager) == [(1, "UNLOADING")])
        push(base, 1, "after")
        await manager.poll()
        assert states(manager) == [(1, "UNLOADING")]
    await until(lambda: states(manager) == [(1, "AVAILABLE")])
    assert await answer(manager) == (1, "after")
    await manager.close()


@on_loop
async def test_an_unload_that_fails_is_logged_and_over(base: Path, caplog: pytest.LogCaptureFixture):
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    with manager.use(spec()) as served:
        served.runner.servable.close()  # closing it once more fails
    push(base, 2)
    await until(lambda: states(manager) == [(2, "AVAILABLE"), (1, "END")])
    assert "Unloading servable: {name: m version: 1}" in caplog.text
    await manager.close()
