"""Artifacts in an object store: found, read and deleted there by all that read artifacts; copies here come and go."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from common import object_stores, remote_files
from common.errors import BadInput, UserError
from pipeline import cleanup, compare, config, copies, facts, gates, metadata, runs, work
from pipeline.copies import Copies
from pipeline.home import Home
from pipeline.sections import Config
from tests.end_to_end.project import Result, mlpipe
from tests.object_store import ObjectStore
from tests.pipeline.records import Recorder, copy_of

PIPELINE = "penguin"


@dataclass(frozen=True)
class Moved:
    """Three runs whose artifacts and versions lie in a store, and no copy of them here."""

    recorder: Recorder
    s3: ObjectStore

    @property
    def home(self) -> Home:
        return self.recorder.home

    def ask(self, *arguments: str) -> Result:
        return mlpipe(*arguments, "--home", str(self.home.root))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    recorder = Recorder(Home(tmp_path_factory.mktemp("three")))
    for number in range(1, 4):
        recorder.run(f"r{number}", rows=340 + number, trainer={"seed": number})
    return recorder


@pytest.fixture
def moved(three: Recorder, s3: ObjectStore, tmp_path: Path) -> Moved:
    recorder = copy_of(three, Home(tmp_path))
    store, home = recorder.store, recorder.home
    artifacts = [one for one in store.get_artifacts() if one.uri]
    for one in artifacts:
        folder = Path(one.uri)
        if folder.exists():
            one.uri = s3.uri(f"root/{folder.relative_to(home.pipelines)}")
            remote_files.upload(folder, one.uri)
        pushed = one.custom_properties
        if "pushed_destination" in pushed:
            version = Path(pushed["pushed_destination"].string_value)
            pushed["pushed_destination"].string_value = s3.uri(f"models/{version.name}")
            if version.exists():
                remote_files.upload(version, s3.uri(f"models/{version.name}"))
    store.put_artifacts(artifacts)
    for folder in (home.pipelines, home.root / "serving"):
        shutil.rmtree(folder)
    return Moved(recorder, s3)


def evaluation(moved: Moved) -> metadata.mlmd.Artifact:
    run = runs.get_run(moved.recorder.store, PIPELINE, "r3")
    return runs.outputs_of(moved.recorder.store, run.node("Evaluator"))["evaluation"]


def test_artifacts_are_copied_once(moved: Moved) -> None:
    artifact = evaluation(moved)
    (local,) = Copies(moved.home).read([artifact])
    assert local.uri.startswith(str(moved.home.pipeline_root(PIPELINE) / "Evaluator" / "evaluation"))
    assert gates.verdict(local)["blessed"]
    path = Path(local.uri, "verdict.json")
    inode = path.stat().st_ino
    Copies(moved.home).fetch(artifact.uri)
    assert path.stat().st_ino == inode
    # What someone has done to the copy does not stay.
    path.write_text("{}")
    Copies(moved.home).fetch(artifact.uri)
    assert gates.verdict(local)["blessed"]


def test_only_what_is_named_is_copied(moved: Moved) -> None:
    run = runs.get_run(moved.recorder.store, PIPELINE, "r3")
    outputs = {"model": [runs.outputs_of(moved.recorder.store, run.node("Trainer"))["model"]]}
    (local,) = gates.readable(outputs, Copies(moved.home))["model"]
    assert not Path(local.uri).exists()


def test_an_artifact_that_someone_deleted(moved: Moved) -> None:
    artifact = evaluation(moved)
    remote_files.delete(artifact.uri)
    with pytest.raises(
        UserError, match=r"s3://.*: the artifact is gone; mlpipe run with --force makes all anew"
    ):
        Copies(moved.home).fetch(artifact.uri)
    assert facts.gone(artifact) == "its folder is missing"


def test_local_artifacts_are_where_they_are(three: Recorder) -> None:
    found = three.store.get_artifacts_by_type("Model")
    assert [one.uri for one in Copies(three.home).read(found)] == [one.uri for one in found]


def test_status_lineage_and_compare_read_them_there(moved: Moved) -> None:
    status = moved.ask("status", PIPELINE)
    assert f"served: version 1 to 3 below {moved.s3.uri('models')}" in status.out.replace("\n", "")
    answer = json.loads(moved.ask("lineage", "model", "3", "--json").out)
    assert answer["artifact"]["uri"].startswith(moved.s3.uri("root"))
    assert answer["artifact"]["gone"] is None
    assert answer["evaluations"][0]["verdict"]["blessed"]
    assert answer["pushes"][0]["served"]
    before, after = (runs.get_run(moved.recorder.store, PIPELINE, name) for name in ("r1", "r3"))
    found = compare.compare(moved.recorder.store, before, after)
    assert found["statistics"]["changed"]
    assert found["missing"] == []
    assert not moved.home.pipelines.exists()


def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on there is no store, and it is not asked again after a while."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(object_stores, "_ATTEMPTS", 1)


def test_a_store_that_does_not_answer_does_not_hide_the_records(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody_answers(monkeypatch)
    status = moved.ask("status", PIPELINE)
    assert status.code == 0
    assert "r3" in status.out
    assert "served: not known: s3://" in status.out
    assert "does not answer" in str(facts.gone(evaluation(moved)))
    lineage = moved.ask("lineage", "model", "3").out.replace("\n", "")
    assert "(not known whether it is served)" in lineage
    assert "no longer served" not in lineage


def test_gc_deletes_in_the_store_and_here(moved: Moved) -> None:
    store, home, s3 = moved.recorder.store, moved.home, moved.s3
    for version in (1, 2, 3):
        remote_files.delete(s3.uri(f"models/{version}"))
    for artifact in store.get_artifacts_by_type("Model"):
        Copies(home).fetch(artifact.uri)
    s3.put("root/penguin/Trainer/model/9999/left", "by a killed node")
    for run in ("r1", "r3"):
        s3.put(f"root/{PIPELINE}/reports/{run}.html", "<html>")
    before = s3.keys("root/")
    items = cleanup.plan(store, home, PIPELINE, 1)
    assert [item.place for item in items if item.kind == "report"] == [
        s3.uri(f"root/{PIPELINE}/reports/r1.html")
    ]
    assert s3.keys("root/") == before
    assert {item.kind for item in items} >= {"artifact", "orphan", "copy"}
    assert [item.uri for item in items if item.kind == "orphan" and item.uri] == [
        s3.uri("root/penguin/Trainer/model/9999")
    ]
    assert cleanup.collect(store, home, PIPELINE, 1) == items
    # The model of the kept run, and the one that it was compared with.
    models = {key.split("/")[4] for key in s3.keys("root/penguin/Trainer/model/")}
    assert len(models) == 2
    assert {path.name for path in (home.pipeline_root(PIPELINE) / "Trainer" / "model").iterdir()} == models
    assert cleanup.plan(store, home, PIPELINE, 1) == []
    left = s3.keys("root/")
    gone = cleanup.collect(store, home, PIPELINE, 1, keep_copies=False)
    assert {item.kind for item in gone} == {"copy"}
    assert s3.keys("root/") == left
    assert list((home.pipeline_root(PIPELINE) / "Trainer" / "model").iterdir()) == []


def in_store(s3: ObjectStore, **changes: str) -> Config:
    where = {"pipeline_root": s3.uri("root"), "push.directory": s3.uri("models"), **changes}
    return config.load("penguin", [f"{key}={value}" for key, value in where.items()])


def test_the_report_of_a_run_is_kept_beside_its_artifacts(
    moved: Moved, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, store, s3 = moved.home, moved.recorder.store, moved.s3
    where = copies.of(in_store(s3), home)
    work.report(where, PIPELINE, "r3", store)
    local = home.report(PIPELINE, "r3")
    key = "root/penguin/reports/r3.html"
    assert s3.get(key) == local.read_bytes()
    kind = s3.client("s3").head_object(Bucket=s3.bucket, Key=key)["ContentType"]
    assert kind == "text/html; charset=utf-8"
    assert capsys.readouterr().out.splitlines()[-1].strip() == s3.uri(key)

    nobody_answers(monkeypatch)
    local.unlink()
    work.report(where, PIPELINE, "r3", store)
    assert local.is_file()
    assert re.search(
        r"^warning: the report is not kept in the store: s3://.* does not answer",
        capsys.readouterr().out,
        re.M,
    )


def test_what_can_be_found_wrong_before_a_run(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    store = metadata.open_store(home, create=True)
    copies.check(in_store(s3), home, store)
    copies.check(in_store(s3), home, store)
    assert s3.keys() == ["root/penguin/.mlpipe-records"]
    for key in ("pipeline_root", "push.directory"):
        with pytest.raises(BadInput, match="there is no bucket s3://none-such; make it, or name another"):
            copies.check(in_store(s3, **{key: "s3://none-such/x"}), home, store)
    with s3.as_reader(monkeypatch), pytest.raises(UserError, match=r"s3://.*: no permission; give this user"):
        copies.check(in_store(s3), home, store)
    nobody_answers(monkeypatch)
    with pytest.raises(UserError, match=r"http://127.0.0.1:9 does not answer"):
        copies.check(in_store(s3), home, store)


def test_a_pipeline_root_belongs_to_one_metadata_store(s3: ObjectStore, tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    copies.check(in_store(s3), first, metadata.open_store(first, create=True))
    store = metadata.open_store(second, create=True)
    with pytest.raises(BadInput) as caught:
        copies.check(in_store(s3), second, store)
    assert str(caught.value) == (
        f"pipeline_root {s3.uri('root')}: the artifacts of penguin there are recorded in another metadata store than"
        f" {store.address}; use that one, name another pipeline_root, or delete {s3.uri('root/penguin')}"
    )


def test_a_run_that_cannot_write_ends_before_anything(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with s3.as_reader(monkeypatch):
        result = mlpipe("run", "penguin", "--home", str(home), "--set", f"pipeline_root={s3.uri('root')}")
    assert result.code == 1
    assert result.err == (
        f"mlpipe: {s3.uri('root/penguin/.mlpipe-records')}: no permission; give this user the right to list, read, write"
        " and delete there\n"
    )
    assert metadata.run_contexts(metadata.open_store(Home(home)), "penguin") == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pipeline_root=/srv/artifacts", "is no URI of a store; a folder of this machine is named by --home"),
        (
            "pipeline_root=ftp://host/x",
            "no store that is known; write s3://bucket/folder, gs://... or hdfs://...",
        ),
        ("push.directory=s3:///x", "no bucket in it; write s3://bucket/folder"),
        ("data.path=s3://me:hush@b/x.csv", "credentials do not belong into the URI"),
    ],
)
def test_uris_that_are_refused(override: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        config.load("penguin", [override])
    assert message in str(caught.value)
    assert "hush" not in str(caught.value)
