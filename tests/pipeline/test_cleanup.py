from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import UserError
from pipeline import cleanup, cleanup_command, lineage_report, lock
from pipeline.home import Home
from tests.pipeline.records import Recorder, copy_of
from tests.pipeline.test_lock import hold

PIPELINE = "penguin"


def states(recorder: Recorder) -> dict[str, list[int]]:
    """Model ids by artifact state."""
    found: dict[str, list[int]] = {}
    for artifact in recorder.store.get_artifacts_by_type("Model"):
        found.setdefault(mlmd.Artifact.State.Name(artifact.state), []).append(artifact.id)
    return found


def paths(items: list[cleanup.Item], kind: str, root: Path) -> list[str]:
    return sorted(str(item.path.relative_to(root)) for item in items if item.kind == kind)


@pytest.fixture(scope="module")
def pushed_four(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """Four runs, each of which read other data and pushed a model of its own."""
    recorder = Recorder(Home(tmp_path_factory.mktemp("four")))
    for number in range(1, 5):
        recorder.run(f"r{number}", rows=340 + number, trainer={"seed": number})
    return recorder


@pytest.fixture
def four(pushed_four: Recorder, tmp_path: Path) -> Recorder:
    """The same runs, of whose versions only the second is still served."""
    recorder = copy_of(pushed_four, Home(tmp_path))
    for version in (1, 3, 4):
        recorder.unserve(version)
    return recorder


def test_a_plan_changes_nothing(four: Recorder, tmp_path: Path) -> None:
    four.unserve(2)
    before = sorted(tmp_path.rglob("*"))
    items = cleanup.plan(four.store, four.home, PIPELINE, 1)
    # Three of four runs, with twelve artifacts each, less the model and the push that the last one was compared with.
    assert len(items) == 3 * 12 - 2
    assert sorted(tmp_path.rglob("*")) == before
    assert list(states(four)) == ["LIVE"]


def test_only_what_the_kept_runs_and_models_need_stays(four: Recorder) -> None:
    root = four.home.pipeline_root(PIPELINE)
    items = cleanup.collect(four.store, four.home, PIPELINE, 1)
    # r4 stays, with its baseline, the model of r3; so does all that made the served model of r2.
    assert len(list((root / "Trainer" / "model").iterdir())) == 3
    assert len(list((root / "ExampleGen" / "examples").iterdir())) == 2
    assert len(list((root / "Evaluator" / "evaluation").iterdir())) == 2
    assert {name: len(ids) for name, ids in states(four).items()} == {"LIVE": 3, "DELETED": 1}
    assert sum(item.bytes for item in items) > 10_000
    assert cleanup.plan(four.store, four.home, PIPELINE, 1) == []


def test_lineage_still_tells_of_what_is_deleted(four: Recorder) -> None:
    cleanup.collect(four.store, four.home, PIPELINE, 1)
    answer = lineage_report.upstream(four.store, lineage_report.find(four.store, "model", "1", None))
    assert answer["artifact"]["gone"] == "deleted by mlpipe gc"
    assert answer["data"][0]["files"][0]["rows"] == 341


def test_the_last_successful_run_stays_behind_failed_ones(recorder: Recorder) -> None:
    for version in (1, 2):
        recorder.unserve(version)
    items = cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
    assert items
    found = [lineage_report.find(recorder.store, "model", version, None) for version in ("1", "2")]
    # The first model stays as the one that the second was compared with; the one that failed its gate goes.
    assert states(recorder)["LIVE"] == found
    assert len(states(recorder)["DELETED"]) == 1


def test_the_model_pushed_last_stays_though_not_served(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    made = recorder.run("r1")
    recorder.unserve(1)
    for number in range(2, 5):
        recorder.run(f"r{number}", trainer={"seed": number}, accuracy=0.5, state="gate_failed")
    cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
    live = states(recorder)["LIVE"]
    assert made["Trainer"]["model"] in live
    assert len(live) == 2


def test_leftovers_of_every_kind(recorder: Recorder) -> None:
    home, root = recorder.home, recorder.home.pipeline_root(PIPELINE)
    leftovers = [
        root / "Trainer/model/9999/partial",
        root / "Trainer/.system/executor_execution/7/trash",
        root / "Trainer/.system/stateful_working_dir/uuid/trash",
        root / ".temp/4/trash",
        root / "Trainer/checkpoints/0123abcd/state.npz",
        home.serving(PIPELINE) / ".pushing-3/saved_model.pb",
        home.log(PIPELINE, "20260101-000000"),
        home.report(PIPELINE, "20260101-000000"),
    ]
    stays = [
        root / "Trainer/checkpoints/4567cdef/state.npz",
        root / "Trainer/notes.txt",
        home.log(PIPELINE, "20261124-050000"),
        home.report(PIPELINE, "20261124-050000"),
        home.serving(PIPELINE) / "9/saved_model.pb",
    ]
    for path in (*leftovers, *stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
    os.utime(leftovers[4], (0, 0))
    found = [item for item in cleanup.plan(recorder.store, home, PIPELINE, 9) if item.kind != "artifact"]
    assert paths(found, "orphan", root) == ["Trainer/model/9999"]
    assert paths(found, "temporary", root) == [
        ".temp/4",
        "Trainer/.system/executor_execution/7",
        "Trainer/.system/stateful_working_dir/uuid",
    ]
    assert paths(found, "checkpoint", root) == ["Trainer/checkpoints/0123abcd"]
    assert paths(found, "push", home.root) == ["serving/penguin/.pushing-3"]
    assert paths(found, "log", home.root) == ["logs/penguin/20260101-000000.log"]
    assert paths(found, "report", home.root) == ["reports/penguin/20260101-000000.html"]
    assert {item.bytes for item in found} == {100}
    cleanup.collect(recorder.store, home, PIPELINE, 9)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in stays)


def test_the_output_of_a_kept_interrupted_execution_stays(recorder: Recorder) -> None:
    killed = max(e.id for e in recorder.store.get_executions())
    partial = recorder.home.pipeline_root(PIPELINE) / "Transform" / "transform_graph" / str(killed)
    partial.mkdir(parents=True)
    assert partial not in [item.path for item in cleanup.plan(recorder.store, recorder.home, PIPELINE, 1)]


def test_nothing_outside_the_pipeline_s_folder_is_touched(recorder: Recorder, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    strays = [outside, recorder.home.pipeline_root(PIPELINE) / "a" / ".." / ".." / ".." / "precious"]
    context = recorder.store.get_context_by_type_and_name("pipeline", PIPELINE)
    [kind] = {a.type_id for a in recorder.store.get_artifacts_by_type("Schema")}
    ids = recorder.store.put_artifacts([mlmd.Artifact(type_id=kind, uri=str(path)) for path in strays])
    recorder.store.put_attributions_and_associations(
        [mlmd.Attribution(artifact_id=i, context_id=context.id) for i in ids], []
    )
    link = recorder.home.pipeline_root(PIPELINE) / "Trainer" / "model" / "8888"
    link.symlink_to(outside)
    (outside / "file").write_text("stays")
    items = cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
    assert not {item.artifact_id for item in items} & set(ids)
    assert link in [item.path for item in items]
    assert not link.is_symlink()
    assert (outside / "file").read_text() == "stays"


def test_a_running_pipeline_is_left_alone(recorder: Recorder) -> None:
    with hold(recorder.home) as other:
        with pytest.raises(lock.Busy, match="works on run r7"):
            cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
        other.communicate("")
    assert list(states(recorder)) == ["LIVE"]


def test_what_cannot_be_deleted_is_named(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    for version in (1, 2):
        recorder.unserve(version)
    monkeypatch.setattr(cleanup.shutil, "rmtree", refuse)
    with pytest.raises(UserError, match=r"cannot delete .*: Permission denied; run mlpipe gc again"):
        cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
    monkeypatch.undo()
    left = cleanup.collect(recorder.store, recorder.home, PIPELINE, 1)
    assert {item.kind for item in left} == {"orphan"}


def test_the_command_deletes_only_when_told(four: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cleanup_command.gc(None, 1, False, four.home.root)
    text = capsys.readouterr().out
    assert "penguin: would free " in text
    assert "nothing was deleted: give --yes to delete" in text
    assert list(states(four)) == ["LIVE"]
    cleanup_command.gc(None, 1, True, four.home.root)
    assert "penguin: freed " in capsys.readouterr().out
    assert len(states(four)["DELETED"]) == 1
    cleanup_command.gc(None, 1, True, four.home.root)
    assert capsys.readouterr().out == "penguin: nothing to delete\n"


def test_what_a_run_takes_away_while_it_is_looked_at_counts_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stays").write_bytes(b"12345")
    monkeypatch.setattr(cleanup, "_files", lambda path: iter([path / "gone", path / "stays"]))
    assert cleanup.size(tmp_path) == 5
    assert cleanup._newest(tmp_path) == (tmp_path / "stays").stat().st_mtime
    assert cleanup._newest(tmp_path / "gone") == math.inf
