"""Names that are HTML, metadata of an older version or of another tool, a store that is gone: pages, never a traceback."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from starlette.testclient import TestClient

from pipeline import metadata
from pipeline.home import Home
from pipeline.outcomes import Outcome
from tests.pipeline.records import Recorder
from tests.reports.ui import light
from tests.reports.ui.conftest import client_of

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    home = Home(tmp_path_factory.mktemp("hostile"))
    outcome = Outcome({"complete": 1}, True, 1, EVIL, 1, {EVIL: 0.5})
    for run in (EVIL, f"{EVIL}2"):
        light.add(
            home,
            run,
            outcome=outcome,
            reason=EVIL,
            config={EVIL: run, "evaluation": EVIL},
            started=EVIL,
            ended=EVIL,
        )
    store = metadata.open_store(home)
    kind = store.put_artifact_type(mlmd.ArtifactType(name=EVIL))
    artifact = mlmd.Artifact(type_id=kind, uri=EVIL)
    artifact.custom_properties[EVIL].string_value = EVIL
    store.put_artifacts([artifact])
    return client_of(home)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pipelines/penguin",
        f"/pipelines/penguin?text={quote(EVIL)}",
        "/pipelines/penguin/models",
        "/pipelines/penguin/metrics",
        "/pipelines/penguin/compare",
        f"/pipelines/penguin/runs/{quote(EVIL, safe='')}",
        f"/pipelines/penguin/progress/{quote(EVIL, safe='')}",
        "/artifacts/1",
    ],
)
def test_html_in_names_is_text(hostile: TestClient, path: str) -> None:
    answer = hostile.get(path)
    assert answer.status_code == 200
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/pipelines/{quote(EVIL, safe='')}",
        f"/artifacts/{quote(EVIL, safe='')}",
        f"/static/{quote(EVIL, safe='')}",
        f"/pipelines/penguin?state={quote(EVIL)}",
    ],
)
def test_html_in_an_address_is_text(hostile: TestClient, path: str) -> None:
    answer = hostile.get(path)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_runs_of_another_tool(tmp_path: Path) -> None:
    """TFX's own runners leave no properties of ours: the state is that of the components."""
    home = Home(tmp_path)
    recorder = Recorder(home)
    recorder.run("20261123-010000", stop="Trainer", state="failed", last="FAILED")
    recorder.run("20261123-020000")
    for context in metadata.run_contexts(recorder.store, "penguin"):
        bare = mlmd.Context(id=context.id, type_id=context.type_id, name=context.name)
        recorder.store.put_contexts([bare])
    client = client_of(home)
    page = client.get("/pipelines/penguin").text
    assert page.index(">succeeded<") < page.index(">failed<")
    for run in ("20261123-010000", "20261123-020000"):
        assert client.get(f"/pipelines/penguin/runs/{run}").status_code == 200
    assert client.get("/pipelines/penguin/compare").status_code == 200


def test_a_damaged_store_is_one_clear_line(recorder: Recorder) -> None:
    client = client_of(recorder.home)
    recorder.home.metadata.write_bytes(b"no database at all, but some bytes")
    answer = client.get("/")
    assert answer.status_code == 503
    assert "is not a readable metadata database" in answer.text


def test_a_store_that_comes_later_is_found(tmp_path: Path) -> None:
    home = Home(tmp_path)
    client = client_of(home)
    assert "No runs yet" in client.get("/").text
    light.add(home, "a", outcome=Outcome())
    assert "No runs yet" not in client.get("/").text


def test_nothing_is_written(recorder: Recorder) -> None:
    before = hashlib.sha256(recorder.home.metadata.read_bytes()).hexdigest()
    files = sorted(recorder.home.root.rglob("*"))
    client = client_of(recorder.home)
    paths = (
        "/",
        "/pipelines/penguin",
        "/pipelines/penguin/runs/20261124-060000",
        "/pipelines/penguin/compare",
        "/artifacts/7",
    )
    assert [client.get(path).status_code for path in paths] == [200] * len(paths)
    assert hashlib.sha256(recorder.home.metadata.read_bytes()).hexdigest() == before
    assert sorted(recorder.home.root.rglob("*")) == files


def test_two_apps_over_one_home(past: Recorder) -> None:
    pages = [client_of(past.home).get("/pipelines/penguin").text for _ in range(2)]
    assert pages[0] == pages[1]
