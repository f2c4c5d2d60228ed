"""How versions come and go, with servables that need no TensorFlow."""

from __future__ import annotations

import asyncio
import gc
import shutil
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import ServingError
from serving.manager import ModelManager
from serving.versions import Served
from tests.serving.fakes import FakeLoader, FakeRunner, on_loop, push, until


def config(*models: tuple[str, Path], more: str = "") -> ModelServerConfig:
    listed = ModelServerConfig()
    listed.model_config_list.SetInParent()
    for name, base_path in models:
        model = listed.model_config_list.config.add(
            name=name, base_path=str(base_path), model_platform="tensorflow"
        )
        text_format.Merge(more, model)
    return listed


def make_manager(load: Any, **options: Any) -> ModelManager:
    options = {"poll_seconds": 0.01, "load_retry_interval_micros": 1000, "max_num_load_retries": 0, **options}
    return ModelManager(load, lambda name, version, servable: FakeRunner(servable), **options)


def spec(name: str = "m", version: int | None = None, label: str | None = None) -> ModelSpec:
    model_spec = ModelSpec(name=name)
    if version is not None:
        model_spec.version.value = version
    if label is not None:
        model_spec.version_label = label
    return model_spec


def states(manager: ModelManager, name: str = "m") -> list[tuple[int, str]]:
    return [(status.version, status.state.name) for status in manager.status(spec(name))]


async def answer(manager: ModelManager, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with manager.use(spec(*args, **kwargs)) as served:
        (text,) = await served.runner.run({}, [])
        return served.version, str(text)


def refusal(manager: ModelManager, model_spec: ModelSpec) -> tuple[str, str]:
    with pytest.raises(ServingError) as error, manager.use(model_spec):
        pass
    return error.value.code.name, error.value.message


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "m"


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
async def test_a_load_does_not_keep_the_loop_from_answering(base: Path):
    push(base, 1)

    def load(name: str, version: int, path: Path) -> Any:
        if version == 2:
            time.sleep(0.5)
        return FakeLoader()(name, version, path)

    manager = make_manager(load)
    await manager.start(config(("m", base)))
    push(base, 2)
    longest = 0.0
    while manager.available() != {"m": [2]}:
        began = time.monotonic()
        with manager.use(spec()):
            await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - began)
    assert longest < 0.2
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
