"""Which versions are served, and how a manager starts and ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.errors import ServingError
from tests.serving.fakes import FakeLoader, on_loop, push, until
from tests.serving.managed import answer, config, make_manager, refusal, spec, states


@on_loop
async def test_the_latest_version_is_served(base: Path):
    push(base, 1)
    push(base, 2, "newest")
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    assert await answer(manager) == (2, "newest")
    assert await answer(manager, version=2) == (2, "newest")
    assert manager.available() == {"m": [2]}
    assert states(manager) == [(2, "AVAILABLE")]
    with manager.use(spec()) as served:
        assert served.name == "m"
        assert list(served.signatures) == ["serving_default"]
    await manager.close()


@on_loop
async def test_what_is_not_served_is_refused_in_tf_servings_words(base: Path):
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    assert refusal(manager, spec("n")) == ("NOT_FOUND", "Servable not found for request: Latest(n)")
    assert refusal(manager, spec("m", 9)) == ("NOT_FOUND", "Servable not found for request: Specific(m, 9)")
    assert refusal(manager, spec("m", 0)) == ("NOT_FOUND", "Servable not found for request: Specific(m, 0)")
    assert refusal(manager, spec("m", label="x")) == (
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: x",
    )
    assert refusal(manager, ModelSpec()) == ("INVALID_ARGUMENT", "ModelSpec has no name specified.")
    with pytest.raises(ServingError, match=r"^Could not find any versions of model n$"):
        manager.status(spec("n"))
    with pytest.raises(ServingError, match=r"^Could not find version 9 of model m$"):
        manager.status(spec("m", 9))
    await manager.close()


@on_loop
async def test_several_versions_by_policy(base: Path):
    for version in (1, 2, 3):
        push(base, version, str(version))
    policy = "model_version_policy { specific { versions: 1 versions: 3 } }"
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base), more=policy))
    assert manager.available() == {"m": [3, 1]}
    assert await answer(manager) == (3, "3")
    assert await answer(manager, version=1) == (1, "1")
    await manager.reload(config(("m", base), more="model_version_policy { all {} }"))
    assert manager.available() == {"m": [3, 2, 1]}
    await manager.reload(config(("m", base), more="model_version_policy { latest { num_versions: 2 } }"))
    await until(lambda: manager.available() == {"m": [3, 2]})
    await manager.close()


@on_loop
async def test_a_base_path_that_vanishes_unloads_nothing(base: Path, caplog: pytest.LogCaptureFixture):
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    base.rename(base.with_name("elsewhere"))
    for _ in range(5):
        await manager.poll()
    assert await answer(manager) == (1, "fine")
    lines = [record.getMessage() for record in caplog.records if "access error" in record.getMessage()]
    assert lines == [
        "FileSystemStoragePathSource encountered a filesystem access error: "
        f"Could not find base path {base} for servable m with error NOT_FOUND: {base} not found"
    ]
    await manager.close()


@on_loop
async def test_start_waits_for_a_base_path_that_does_not_exist_yet(base: Path):
    manager = make_manager(FakeLoader())
    starting = asyncio.create_task(manager.start(config(("m", base))))
    await asyncio.sleep(0.1)
    assert not starting.done()
    assert manager.available() == {"m": []}
    with pytest.raises(ServingError, match="Could not find any versions of model m"):
        manager.status(spec())
    push(base, 5)
    await starting
    assert await answer(manager) == (5, "fine")
    await manager.close()


@on_loop
async def test_start_tells_which_models_cannot_be_served(base: Path):
    push(base, 1, None)
    push(base.with_name("good"), 1)
    manager = make_manager(FakeLoader(), max_num_load_retries=1)
    with pytest.raises(ServingError) as error:
        await manager.start(config(("m", base), ("good", base.with_name("good"))))
    assert error.value.code is grpc.StatusCode.UNKNOWN
    assert error.value.message.startswith(
        "1 servable(s) did not become available: {{{name: m version: 1} due to error: INTERNAL: FileNotFoundError"
    )
    assert await answer(manager, "good") == (1, "fine")
    await manager.close()


@on_loop
async def test_looking_once_and_never(base: Path, tmp_path: Path):
    push(base, 1)
    once = make_manager(FakeLoader(), poll_seconds=0)
    await once.start(config(("m", base)))
    push(base, 2)
    await asyncio.sleep(0.1)
    assert once.available() == {"m": [1]}
    await once.reload(config(("m", base)))
    await until(lambda: once.available() == {"m": [2]})
    with pytest.raises(
        ServingError, match=r"1 model\(s\) did not become available: .*Could not find base path"
    ):
        await once.reload(config(("m", base), ("n", tmp_path / "nowhere")))
    await once.close()

    never = make_manager(FakeLoader(), poll_seconds=-1)
    starting = asyncio.create_task(never.start(config(("m", base))))
    await asyncio.sleep(0.1)
    assert not starting.done()
    await never.poll()
    await starting
    assert never.available() == {"m": [2]}
    await never.close()


@on_loop
async def test_close_lets_requests_finish(base: Path):
    push(base, 1)
    load = FakeLoader()
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    with manager.use(spec()) as served:
        closing = asyncio.create_task(manager.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        assert str((await served.runner.run({}, []))[0]) == "fine"
    await closing
    assert states(manager) == [(1, "END")]
    assert manager.available() == {}


@on_loop
async def test_close_ends_a_wait_between_retries(base: Path):
    push(base, 1, None)
    manager = make_manager(FakeLoader(), max_num_load_retries=9, load_retry_interval_micros=600_000_000)
    starting = asyncio.create_task(manager.start(config(("m", base))))
    await until(lambda: manager._versions.get("m") and manager._versions["m"][1].failures)
    starting.cancel()
    await manager.close()
    assert states(manager) == [(1, "END")]
