"""New configurations while models are being served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import ServingError
from tests.serving.fakes import FakeLoader, on_loop, push, until
from tests.serving.test_manager import answer, config, make_manager, refusal, spec, states


def labels(**versions: int) -> str:
    return " ".join(
        f'version_labels {{ key: "{label}" value: {version} }}' for label, version in versions.items()
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "m"


@on_loop
async def test_models_are_added_and_removed(base: Path):
    push(base, 1, "m")
    other = base.with_name("n")
    push(other, 7, "n")
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    await manager.reload(config(("m", base), ("n", other)))
    assert await answer(manager, "n") == (7, "n")
    with manager.use(spec("m")) as served:
        await manager.reload(config(("n", other)))
        assert refusal(manager, spec("m")) == ("NOT_FOUND", "Servable not found for request: Latest(m)")
        assert states(manager) == [(1, "UNLOADING")]
        assert str((await served.runner.run({}, []))[0]) == "m"
    await until(lambda: states(manager) == [(1, "END")])
    assert manager.available() == {"n": [7]}
    await manager.reload(config(("m", base), ("n", other)))
    assert await answer(manager, "m") == (1, "m")
    await manager.reload(config())
    await until(lambda: manager.available() == {})
    await manager.close()


@on_loop
async def test_an_empty_configuration_is_no_configuration(base: Path):
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(ModelServerConfig())
    await manager.reload(config(("m", base)))
    await manager.reload(ModelServerConfig())
    assert await answer(manager) == (1, "fine")
    await manager.close()


@on_loop
async def test_a_refused_configuration_changes_nothing(base: Path):
    push(base, 1)
    push(base.with_name("n"), 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base), more="model_version_policy { all {} }"))
    good = config(("m", base), more="model_version_policy { all {} }" + labels(stable=1))
    await manager.reload(good)
    new = ("n", base.with_name("n"))
    other_platform = config(new, ("m", base))
    other_platform.model_config_list.config[1].model_platform = "caffe"
    custom = ModelServerConfig()
    custom.custom_model_config.SetInParent()
    refused = [
        (config(new, ("m", base), ("m", base)), "Illegal to list model m multiple times in config list"),
        (
            config(new, ("m", Path("relative/m"))),
            "Expected model m to have an absolute path or URI; got base_path()=relative/m",
        ),
        (
            other_platform,
            "Illegal to change a model's platform. For model m platform was tensorflow "
            "and new platform requested is caffe",
        ),
        (
            custom,
            "Cannot transition to requested config. It is only legal to transition "
            "from one ModelConfigList to another.",
        ),
        (
            config(new, ("m", base), more=labels(stable=2)),
            "Request to assign label to version 2 of model n, which is not currently available for inference",
        ),
    ]
    for wrong, message in refused:
        with pytest.raises(ServingError) as error:
            await manager.reload(wrong)
        assert error.value.message == message
        assert manager.available() == {"m": [1]}
        assert await answer(manager, label="stable") == (1, "fine")
    await manager.close()


@on_loop
async def test_labels_follow_versions_that_answer(base: Path):
    push(base, 1, "one")
    push(base, 2, "two")
    both = "model_version_policy { specific { versions: 1 versions: 2 } } "
    manager = make_manager(FakeLoader())
    with pytest.raises(ServingError) as error:
        await manager.start(config(("m", base), more=both + labels(stable=1)))
    assert error.value.code is grpc.StatusCode.FAILED_PRECONDITION
    await manager.start(config(("m", base), more=both))
    await manager.reload(config(("m", base), more=both + labels(stable=1, canary=2)))
    assert await answer(manager, label="stable") == (1, "one")
    assert await answer(manager, label="canary") == (2, "two")
    await manager.reload(config(("m", base), more=both + labels(stable=2)))
    assert await answer(manager, label="stable") == (2, "two")
    assert refusal(manager, spec(label="canary"))[1] == "Unrecognized servable version label: canary"
    with pytest.raises(ServingError, match="Request to assign label to version 3 of model m"):
        await manager.reload(config(("m", base), more=both + labels(stable=3)))
    assert await answer(manager, label="stable") == (2, "two")
    await manager.close()


@on_loop
async def test_new_labels_may_name_versions_to_come_when_that_is_allowed(base: Path):
    push(base, 1, "one")
    allowing = make_manager(FakeLoader(), allow_labels_for_unavailable=True)
    await allowing.start(config(("m", base), more=labels(stable=1, next=2)))
    assert await answer(allowing, label="stable") == (1, "one")
    assert refusal(allowing, spec(label="next")) == (
        "NOT_FOUND",
        "Servable not found for request: Specific(m, 2)",
    )
    with pytest.raises(ServingError, match="Request to assign label to version 3 of model m"):
        await allowing.reload(config(("m", base), more=labels(stable=3)))
    await allowing.close()

    forcing = make_manager(FakeLoader(), force_allow_labels_for_unavailable=True)
    await forcing.start(config(("m", base), more=labels(stable=1)))
    await forcing.reload(config(("m", base), more=labels(stable=3)))
    assert refusal(forcing, spec(label="stable"))[1] == "Servable not found for request: Specific(m, 3)"
    await forcing.close()


@on_loop
async def test_another_base_path_is_taken_without_a_gap(base: Path):
    push(base, 1, "here")
    elsewhere = base.with_name("elsewhere")
    push(elsewhere, 2, "there")
    load = FakeLoader()
    gate = load.hold(2)
    manager = make_manager(load)
    await manager.start(config(("m", base)))
    reloading = asyncio.create_task(manager.reload(config(("m", elsewhere))))
    await until(lambda: ("m", 2) in load.calls)
    assert await answer(manager) == (1, "here")
    gate.set()
    await reloading
    assert await answer(manager) == (2, "there")
    await until(lambda: states(manager) == [(2, "AVAILABLE"), (1, "END")])
    await manager.close()


@on_loop
async def test_a_new_model_that_cannot_be_served_is_told_and_the_others_go_on(base: Path):
    push(base, 1)
    push(base.with_name("bad"), 1, None)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    with pytest.raises(ServingError) as error:
        await manager.reload(config(("m", base), ("bad", base.with_name("bad"))))
    assert error.value.code is grpc.StatusCode.UNKNOWN
    assert (
        "1 model(s) did not become available: {{{name: bad version: 1} due to error: " in error.value.message
    )
    assert await answer(manager) == (1, "fine")
    await manager.close()


@on_loop
async def test_a_reload_that_waits_keeps_no_other_from_being_taken(base: Path):
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    waiting = asyncio.create_task(manager.reload(config(("m", base), ("n", base.with_name("n")))))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await manager.reload(config(("m", base)))
    await asyncio.wait_for(waiting, 20)
    assert manager.available() == {"m": [1]}
    await manager.close()


@pytest.mark.parametrize(
    "name", ["../../etc", "a/b", "mit Leerzeichen", "模型", "", "x" * 3000, 'q"\\\n', "%2F"]
)
def test_names_may_be_any_text(base: Path, name: str):
    @on_loop
    async def run() -> None:
        push(base, 1)
        listed = config(("m", base))
        listed.model_config_list.config[0].name = name
        listed.model_config_list.config[0].version_labels[name] = 1
        manager = make_manager(FakeLoader(), allow_labels_for_unavailable=True)
        await manager.start(listed)
        assert manager.status(spec(name))[0].version == 1
        if name:
            assert await answer(manager, name) == (1, "fine")
            assert await answer(manager, name, label=name) == (1, "fine")
        await manager.close()

    run()
