"""The page of a run: the report when it has ended, what goes on while it has not."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from pipeline import lock, metadata
from reports import run_report
from tests.pipeline.records import Recorder
from tests.reports.ui import html
from tests.reports.ui.conftest import client_of

RUNS = "/pipelines/penguin/runs"
IN_FLIGHT = "20261124-060000"


def test_the_report_and_the_artifacts_of_a_run(client: TestClient) -> None:
    page = client.get(f"{RUNS}/20261123-030000").text
    assert "Pushed as version 2." in page
    assert "/artifacts/13" in html.links(page)
    assert "/pipelines/penguin/compare?before=20261123-020000&after=20261123-030000" in html.links(
        page
    ).__str__().replace("&amp;", "&")
    assert "compare with v1" in html.text(page)


@pytest.mark.parametrize(
    ("selector", "run"),
    [
        ("last", IN_FLIGHT),
        ("v1", "20261123-010000"),
        ("20261123-04", "20261123-040000"),
        ("20261123-010000.html", "20261123-010000"),
    ],
)
def test_other_names_of_a_run_lead_to_it(client: TestClient, selector: str, run: str) -> None:
    answer = client.get(f"{RUNS}/{selector}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{RUNS}/{run}")


def test_the_report_is_made_once_for_each_state(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    true = run_report.sections
    monkeypatch.setattr(run_report, "sections", lambda facts: made.append(facts.run.state) or true(facts))
    client = client_of(recorder.home)
    run = "20261123-030000"
    for _ in range(2):
        assert client.get(f"{RUNS}/{run}").status_code == 200
    metadata.update_run(recorder.store, run, {"mlpipe_state": "failed"})
    assert client.get(f"{RUNS}/{run}").status_code == 200
    assert made == ["succeeded", "failed"]


def test_a_run_in_flight(recorder: Recorder) -> None:
    client = client_of(recorder.home)
    with lock.lock(recorder.home, "penguin", IN_FLIGHT):
        page = client.get(f"{RUNS}/{IN_FLIGHT}")
        part = client.get(f"/pipelines/penguin/progress/{IN_FLIGHT}")
    assert "data-progress=" in page.text
    assert 'http-equiv="refresh"' in page.text
    assert "x-ended" not in part.headers
    states = {row[0]: row[1] for row in html.rows(part.text)}
    assert (states["ExampleGen"], states["Transform"], states["Trainer"]) == (
        "complete",
        "running",
        "not reached",
    )


def test_the_last_line_of_progress_stands_with_the_training(recorder: Recorder) -> None:
    run = "20261124-070000"
    recorder.run(run, stop="Trainer", state="running", last="RUNNING")
    log = recorder.home.log("penguin", run)
    log.parent.mkdir(parents=True)
    log.write_text(
        "INFO:mlpipe.progress:step 15/600 loss 0.7205\nINFO:mlpipe.progress:step 90/600 loss <b>\nnoise\n"
    )
    client = client_of(recorder.home)
    with lock.lock(recorder.home, "penguin", run):
        part = client.get(f"/pipelines/penguin/progress/{run}").text
    [training] = [row for row in html.rows(part) if row[0] == "Trainer"]
    assert (training[1], training[3]) == ("running", "step 90/600 loss <b>")
    assert "<b>" not in part


def test_a_run_whose_process_is_gone_was_interrupted(client: TestClient) -> None:
    page = client.get(f"{RUNS}/{IN_FLIGHT}").text
    assert "no process of this machine works on it" in page
    assert client.get(f"/pipelines/penguin/progress/{IN_FLIGHT}").headers["x-ended"] == "interrupted"


@pytest.mark.parametrize("run", ["20990101-000000", "v9", "last~99", "a/b", "..%2f..%2fetc"])
def test_an_unknown_run_is_one_clear_line(client: TestClient, run: str) -> None:
    answer = client.get(f"{RUNS}/{run}")
    assert answer.status_code == 404
    assert 'class="line">' in answer.text


def test_a_deleted_artifact_is_said(recorder: Recorder) -> None:
    shutil.rmtree(recorder.home.pipeline_root("penguin") / "Evaluator")
    client = client_of(recorder.home)
    page = client.get(f"{RUNS}/20261123-030000").text
    assert "its folder is missing" in page
    assert "Its files are gone: its folder is missing." in client.get("/artifacts/16").text
