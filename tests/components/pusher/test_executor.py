"""Versions appear complete or not at all, whatever happens in the middle of a push."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from common.errors import UserError
from components.model_optimizer.artifact import EdgeModel
from components.pusher import assembled, executor

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
FILES = {"saved_model.pb": 4000, "variables/variables.index": 200, "variables/variables.data": 300_000}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, size in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return folder


def is_complete(version: Path, model: Path) -> bool:
    return all((version / name).read_bytes() == (model / name).read_bytes() for name in FILES)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_first_version_is_1_and_complete(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    assert executor.push(model, served, {"model_id": 7}) == 1
    assert names(served) == ["1"]
    assert is_complete(served / "1", model)
    assert (served / "1" / "assets.extra" / "mlpipe.json").read_text() == '{"model_id": 7}'


def test_versions_are_numbers_and_go_on_after_pruning(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    for model_id in range(1, 12):
        assert executor.push(model, served, {"model_id": model_id}) == model_id
        executor.prune(served, keep=2)
    assert executor.versions(served) == [10, 11]
    assert names(served) == ["10", "11"]


def test_other_folders_and_files_are_no_versions(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    (served / "backup").mkdir(parents=True)
    (served / "9").write_text("a file")
    (served / "3").mkdir()
    assert executor.versions(served) == [3]
    assert executor.push(model, served, {"model_id": 1}) == 4
    executor.prune(served, keep=1)
    assert names(served) == ["4", "9", "backup"]


def test_the_same_model_stays_one_version(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    assert executor.push(model, served, {"model_id": 7}) == 1
    before = (served / "1").stat().st_mtime_ns
    assert executor.push(model, served, {"model_id": 7}) == 1
    assert (served / "1").stat().st_mtime_ns == before
    assert executor.push(model, served, {"model_id": 8}) == 2
    assert executor.push(model, served, {"model_id": 7}) == 3


def test_a_deleted_version_is_pushed_again(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    executor.push(model, served, {"model_id": 7})
    shutil.rmtree(served / "1")
    assert executor.push(model, served, {"model_id": 7}) == 1
    assert is_complete(served / "1", model)


def _push_and_die(model: Path, served: Path) -> None:
    executor._flush = lambda folder: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    executor.push(model, served, {"model_id": 8})


def test_killed_between_copy_and_rename(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    executor.push(model, served, {"model_id": 7})
    child = multiprocessing.get_context("fork").Process(target=_push_and_die, args=(model, served))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert names(served) == [".pushing-2", "1"]
    assert executor.versions(served) == [1]
    assert executor.push(model, served, {"model_id": 8}) == 2
    assert names(served) == ["1", "2"]
    assert is_complete(served / "2", model)


def test_a_failure_while_copying_leaves_the_old_version(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    executor.push(model, served, {"model_id": 7})
    limit = """
import resource, signal, sys
from pathlib import Path
from common.errors import UserError
from components.pusher import executor
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    executor.push(Path(sys.argv[1]), Path(sys.argv[2]), {"model_id": 8})
except UserError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", limit, str(model), str(served)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == f"push to {served} failed: File too large; version 1 stays served"
    assert names(served) == ["1"]
    assert is_complete(served / "1", model)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 700 kB, which holds two models but not three."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_full(model: Path, small_disk: Path) -> None:
    served = small_disk / "served"
    executor.push(model, served, {"model_id": 1})
    executor.push(model, served, {"model_id": 2})
    with pytest.raises(UserError) as caught:
        executor.push(model, served, {"model_id": 3})
    assert str(caught.value) == f"push to {served} failed: No space left on device; version 2 stays served"
    assert caught.value.exit_code == 1
    assert names(served) == ["1", "2"]
    assert is_complete(served / "2", model)
    executor.prune(served, keep=1)
    assert executor.push(model, served, {"model_id": 3}) == 3


def test_a_folder_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        executor.push(model, tmp_path / "file" / "served", {"model_id": 1})
    assert str(caught.value).endswith("served failed: Not a directory; nothing was pushed")


def test_who_polls_the_folder_never_sees_half_a_version(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    done = threading.Event()
    seen: set[str] = set()
    halves: list[str] = []

    def poll() -> None:
        while not done.is_set():
            for entry in served.iterdir():
                if entry.name.isdecimal() and entry.name not in seen:
                    if not is_complete(entry, model):
                        halves.append(entry.name)
                    seen.add(entry.name)

    reader = threading.Thread(target=poll)
    reader.start()
    for model_id in range(1, 31):
        executor.push(model, served, {"model_id": model_id})
    done.set()
    reader.join()
    assert halves == []
    assert len(seen) >= 15


def test_pruning_never_shows_half_a_version(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = tmp_path / "served"
    for model_id in (1, 2):
        executor.push(model, served, {"model_id": model_id})
    numbers: list[list[int]] = []
    remove = shutil.rmtree

    def watched(path: Path, **options: bool) -> None:
        numbers.append(executor.versions(served))
        remove(path, **options)

    monkeypatch.setattr(executor.shutil, "rmtree", watched)
    executor.prune(served, keep=1)
    assert numbers == [[2]]
    assert names(served) == ["2"]


def _artifacts(model: Path, blessed: int, tmp_path: Path) -> tuple[dict, dict]:
    exported = standard_artifacts.Model()
    exported.uri, exported.id = str(tmp_path / "trainer"), 7
    shutil.copytree(model, Path(exported.uri, "Format-Serving"))
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    return {"model": [exported], "model_blessing": [blessing]}, {"pushed_model": [pushed]}


def test_a_blessed_model_is_pushed_and_recorded(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 1, tmp_path)
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    (pushed,) = outputs["pushed_model"]
    assert is_complete(served / "1", model)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == "1"
    assert pushed.get_int_custom_property("model_id") == 7
    assert pushed.get_string_custom_property("pushed_destination") == str(served / "1")


def test_a_model_without_blessing_is_not_pushed(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 0, tmp_path)
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    assert outputs["pushed_model"][0].get_int_custom_property("pushed") == 0
    assert not served.exists()


def _infra_blessing(
    model: Path, blessed: int, has_model: bool, tmp_path: Path
) -> standard_artifacts.InfraBlessing:
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(tmp_path / "infra_blessing")
    blessing.set_int_custom_property("blessed", blessed)
    if has_model:
        stamped = Path(blessing.uri, "stamped_model")
        shutil.copytree(model, stamped)
        (stamped / WARM_UP).parent.mkdir()
        (stamped / WARM_UP).write_bytes(b"requests")
        blessing.set_int_custom_property("has_model", 1)
    return blessing


def test_the_model_with_warm_up_requests_is_what_is_pushed(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 1, tmp_path)
    inputs["infra_blessing"] = [_infra_blessing(model, 1, True, tmp_path)]
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    assert is_complete(served / "1", model)
    assert (served / "1" / WARM_UP).read_bytes() == b"requests"
    assert json.loads((served / "1" / assembled.MANIFEST).read_text())["model_id"] == 7
    assert outputs["pushed_model"][0].get_int_custom_property("model_id") == 7


def test_an_infra_blessing_without_a_model(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 1, tmp_path)
    inputs["infra_blessing"] = [_infra_blessing(model, 1, False, tmp_path)]
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    assert is_complete(served / "1", model)
    assert not (served / "1" / WARM_UP).exists()


@pytest.mark.parametrize(("model_blessed", "infra_blessed"), [(1, 0), (0, 1)])
def test_both_blessings_have_to_hold(
    model_blessed: int, infra_blessed: int, model: Path, tmp_path: Path
) -> None:
    inputs, outputs = _artifacts(model, model_blessed, tmp_path)
    inputs["infra_blessing"] = [_infra_blessing(model, infra_blessed, True, tmp_path)]
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    assert outputs["pushed_model"][0].get_int_custom_property("pushed") == 0
    assert not served.exists()


def _edge_model(tmp_path: Path, *forms: str) -> EdgeModel:
    edge = EdgeModel()
    edge.uri = str(tmp_path / f"edge of {len(forms)}")
    for name in (
        "optimized.json",
        *(f"{form}/{file}" for form in forms for file in ("model.tflite", "labels.txt")),
    ):
        path = Path(edge.uri, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    (Path(edge.uri) / "scratch").mkdir(exist_ok=True)
    return edge


def test_the_forms_of_an_edge_model_are_pushed_beside_the_model(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 1, tmp_path)
    inputs["infra_blessing"] = [_infra_blessing(model, 1, True, tmp_path)]
    inputs["edge_model"] = [_edge_model(tmp_path, "float32", "int8")]
    served = tmp_path / "served"
    executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    edge = served / "1" / "assets.extra" / "edge"
    assert names(edge) == ["float32", "int8", "optimized.json"]
    assert names(edge / "int8") == ["labels.txt", "model.tflite"]
    assert (edge / "int8" / "model.tflite").read_text() == "content of int8/model.tflite"
    assert (edge / "optimized.json").read_text() == "content of optimized.json"
    assert is_complete(served / "1", model)
    assert (served / "1" / WARM_UP).read_bytes() == b"requests"
    manifest = json.loads((served / "1" / assembled.MANIFEST).read_text())
    assert manifest["edge_uri"] == inputs["edge_model"][0].uri


def test_other_forms_of_the_same_model_are_a_new_version(model: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    inputs, outputs = _artifacts(model, 1, tmp_path)
    for forms, version in ((("int8",), "1"), (("int8",), "1"), (("int8", "float16"), "2"), ((), "3")):
        inputs["edge_model"] = [_edge_model(tmp_path, *forms)]
        executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
        assert outputs["pushed_model"][0].get_string_custom_property("pushed_version") == version
        pushed = served / version / "assets.extra" / "edge"
        assert names(pushed) == sorted([*forms, "optimized.json"])


def test_forms_that_cannot_be_copied_leave_no_version(model: Path, tmp_path: Path) -> None:
    inputs, outputs = _artifacts(model, 1, tmp_path)
    inputs["edge_model"] = [_edge_model(tmp_path, "int8")]
    Path(inputs["edge_model"][0].uri, "optimized.json").unlink()
    served = tmp_path / "served"
    with pytest.raises(UserError, match=r"served failed: No such file or directory; nothing was pushed$"):
        executor.Executor().Do(inputs, outputs, {"directory": str(served), "keep": 3, "code": ""})
    assert executor.versions(served) == []
