"""Versions that cannot be loaded: tried again, told of, and no harm to the one that is served."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

import grpc

from serving.errors import ServingError
from serving.manager import ModelManager
from serving.versions import Served
from tests.serving.fakes import FakeLoader, FakeRunner, on_loop, push, until
from tests.serving.managed import answer, config, make_manager, spec, states


@on_loop
async def test_a_broken_version_ends_with_its_error_and_the_old_one_goes_on(base: Path):
    push(base, 1, "old")
    load = FakeLoader()
    manager = make_manager(load, max_num_load_retries=3)
    await manager.start(config(("m", base)))
    push(base, 2, None)
    await until(lambda: states(manager) == [(2, "END"), (1, "AVAILABLE")])
    (failed,) = manager.status(spec("m", 2))
    assert failed.code is grpc.StatusCode.INTERNAL
    assert "FileNotFoundError" in failed.message
    assert load.calls.count(("m", 2)) == 4
    assert await answer(manager) == (1, "old")
    for _ in range(20):
        await manager.poll()
    assert load.calls.count(("m", 2)) == 4
    assert await answer(manager) == (1, "old")
    push(base, 3, "new")
    await until(lambda: states(manager) == [(3, "AVAILABLE"), (2, "END"), (1, "END")])
    await manager.close()


@on_loop
async def test_a_version_that_appears_half_copied_is_served_when_it_is_complete(base: Path):
    push(base, 1, "old")
    load = FakeLoader()
    manager = make_manager(load, max_num_load_retries=1000)
    await manager.start(config(("m", base)))
    folder = push(base, 2, None)
    await until(lambda: load.calls.count(("m", 2)) >= 3)
    assert states(manager) == [(2, "LOADING"), (1, "AVAILABLE")]
    (folder / "model").write_text("complete")
    await until(lambda: manager.available() == {"m": [2]})
    assert await answer(manager) == (2, "complete")
    assert manager.status(spec("m", 2))[0].code is grpc.StatusCode.OK
    await manager.close()


@on_loop
async def test_a_broken_version_that_is_removed_and_pushed_again_is_loaded(base: Path):
    push(base, 1, "old")
    load = FakeLoader()
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    shutil.rmtree(push(base, 2, None))
    push(base, 2, None)
    await until(lambda: states(manager)[0] == (2, "END"))
    shutil.rmtree(base / "2")
    await manager.poll()
    assert await answer(manager) == (1, "old")
    assert load.calls.count(("m", 1)) == 1
    push(base, 2, "mended")
    await until(lambda: manager.available() == {"m": [2]})
    assert manager.status(spec("m", 2))[0].message == ""
    await manager.close()


@on_loop
async def test_retries_end_at_once_when_the_version_is_not_wanted_any_more(base: Path):
    push(base, 1)
    manager = make_manager(FakeLoader(), max_num_load_retries=1000, load_retry_interval_micros=600_000_000)
    await manager.start(config(("m", base)))
    push(base, 2, None)
    await until(lambda: states(manager)[0] == (2, "LOADING"))
    push(base, 3)
    await until(lambda: states(manager) == [(3, "AVAILABLE"), (2, "END"), (1, "END")])
    await manager.close()


@on_loop
async def test_failures_before_the_first_request_free_the_model(base: Path):
    push(base, 1, "old")
    load = FakeLoader()
    runners: list[FakeRunner] = []

    def make_runner(name: str, version: int, servable: Any) -> FakeRunner:
        if version == 2:
            raise ServingError(grpc.StatusCode.INVALID_ARGUMENT, "no batches of this")
        runners.append(FakeRunner(servable))
        return runners[-1]

    async def warm_up(served: Served, path: Path) -> None:
        if served.version == 3:
            raise ServingError(grpc.StatusCode.DATA_LOSS, "bad warm-up request")

    manager = ModelManager(load, make_runner, warm_up=warm_up, max_num_load_retries=0, poll_seconds=0.01)
    await manager.start(config(("m", base)))
    for version, code, message in (
        (2, "INVALID_ARGUMENT", "no batches of this"),
        (3, "DATA_LOSS", "bad warm-up request"),
    ):
        push(base, version)
        await until(lambda: states(manager)[0] == (version, "END"))  # noqa: B023
        (failed,) = manager.status(spec("m", version))
        assert (failed.code.name, failed.message) == (code, message)
    assert [runner.closed for runner in runners] == [False, True]
    assert runners[1].servable.closed
    runners.pop()
    gc.collect()
    assert len(load.alive) == 1
    assert await answer(manager) == (1, "old")
    await manager.close()
