"""Pipelines, runs with filters and pages, models, metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.home import Home
from pipeline.outcomes import Outcome
from tests.pipeline.records import Recorder
from tests.reports.ui import html, light
from tests.reports.ui.conftest import client_of

RUNS = "/pipelines/penguin"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A hundred and twenty runs of one pipeline, every tenth pushed, every seventh failed, and one of another."""
    home = Home(tmp_path_factory.mktemp("many"))
    for number in range(120):
        pushed = number // 10 + 1 if number % 10 == 0 else None
        light.add(
            home,
            f"run-{number:03}",
            Outcome(
                {"complete": 9},
                True,
                pushed,
                f"s3://models/penguin/{pushed}" if pushed else None,
                number if pushed else None,
                {"accuracy": 0.9 + number / 10_000},
            ),
            state="failed" if number % 7 == 0 else "succeeded",
            reason="the Trainer ran out of memory" if number % 7 == 0 else "",
            started=f"2026-11-{number // 5 + 1:02}T01:00:00+00:00",
            config={"trainer": {"learning_rate": 0.5 if number == 3 else 0.01}},
        )
    light.add(home, "other", Outcome(), pipeline="taxi")
    return client_of(home)


def test_pipelines(many: TestClient) -> None:
    found = [row for row in html.rows(many.get("/").text) if row[0]]
    assert [row[:2] for row in found] == [["penguin", "120"], ["taxi", "1"]]
    assert found[0][2:4] == ["run-119", "failed"]


def ids(page: str) -> list[str]:
    return [row[2] for row in html.rows(page)]


def test_pages_of_runs_the_last_first(many: TestClient) -> None:
    first = many.get(RUNS).text
    assert ids(first) == [f"run-{n:03}" for n in range(119, 69, -1)]
    assert f"{RUNS}?page=2" in html.links(first)
    last = many.get(f"{RUNS}?page=3").text
    assert ids(last) == [f"run-{n:03}" for n in range(19, -1, -1)]
    assert "page 3 of 3" in html.text(last)
    assert ids(many.get(f"{RUNS}?page=99").text) == ids(last)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=failed&until=2026-11-03", [14, 7, 0]),
        ("pushed=yes&since=2026-11-20", [110, 100]),
        ("pushed=no&since=2026-11-24&state=succeeded", [118, 117, 116, 115]),
        ("text=RUN-11+memory", [119, 112]),
        ("text=0.5", [3]),
        ("text=run-00&since=2026-11-01&until=2026-11-01", [4, 3, 2, 1, 0]),
        ("text=nothing+like+it", []),
    ],
)
def test_filters(many: TestClient, query: str, expected: list[int]) -> None:
    page = many.get(f"{RUNS}?{query}").text
    assert (ids(page) if expected else []) == [f"run-{n:03}" for n in expected]
    assert f"{len(expected)} of 120 runs" in html.text(page)


def test_a_page_keeps_its_filter(many: TestClient) -> None:
    page = many.get(f"{RUNS}?state=succeeded&since=2026-11-02").text
    [older] = [link for link in html.links(page) if "page=" in link]
    assert older == f"{RUNS}?state=succeeded&since=2026-11-02&page=2"
    assert len(ids(many.get(older).text)) == 48


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("state=odd", "state=odd: choose one of succeeded,"),
        ("pushed=perhaps", "pushed=perhaps: choose one of yes, no."),
        ("since=yesterday", "since=yesterday: write a day as 2026-11-23."),
        ("page=x", "page=x: write a whole number."),
        ("page=-1", "page=-1: write a whole number."),
    ],
)
def test_a_wrong_filter_is_told_in_a_line(many: TestClient, query: str, line: str) -> None:
    answer = many.get(f"{RUNS}?{query}")
    assert answer.status_code == 404
    assert line in html.text(answer.text)


def test_models_the_last_first_each_with_its_comparison(many: TestClient) -> None:
    page = many.get(f"{RUNS}/models").text
    assert [row[0] for row in html.rows(page)] == [f"v{n}" for n in range(12, 0, -1)]
    assert f"{RUNS}/compare?before=run-100&after=run-110" in html.links(page)
    # An object store is not asked.
    assert html.rows(page)[0][1] == "s3://models/penguin/12"
    assert "/what-if/penguin?version=12" in html.links(page)


def test_metrics_over_time(many: TestClient) -> None:
    page = many.get(f"{RUNS}/metrics?last=50").text
    assert "accuracy of 50 runs, 5 of them pushed; the last is 0.9119" in page
    assert html.rows(page)[0] == ["run-119", "2026-11-24 01:00", "failed", "", "0.9119"]
    assert html.rows(page)[9][3] == "v12"
    assert many.get(f"{RUNS}/metrics?last=7").status_code == 404


def test_what_older_runs_pushed_is_read_from_their_artifacts(past: Recorder, client: TestClient) -> None:
    found = html.rows(client.get(RUNS).text)
    assert [(row[2], row[3], row[6], row[7], row[8]) for row in found] == [
        ("20261124-060000", "interrupted", "4 ran, 1 running", "", ""),
        ("20261124-050000", "failed", "5 ran, 1 failed", "", ""),
        ("20261123-040000", "gate failed", "4 ran, 5 cached", "0.5000", ""),
        ("20261123-030000", "succeeded", "4 ran, 5 cached", "0.9800", "v2"),
        ("20261123-020000", "succeeded", "9 cached", "0.9700", ""),
        ("20261123-010000", "succeeded", "9 ran", "0.9700", "v1"),
    ]
    assert [row[0] for row in html.rows(client.get(f"{RUNS}/models").text)] == ["v2", "v1"]


def test_a_version_that_is_no_longer_there(recorder: Recorder) -> None:
    recorder.unserve(1)
    page = client_of(recorder.home).get(f"{RUNS}/models").text
    found = html.rows(page)
    assert [link for link in html.links(page) if "what-if" in link] == ["/what-if/penguin?version=2"]
    assert [row[1] for row in found] == ["there to be served", "no longer there"]


def test_new_runs_and_new_states_are_seen(tmp_path: Path) -> None:
    home = Home(tmp_path)
    recorder = Recorder(home)
    recorder.run("a")
    client = client_of(home)
    assert ids(client.get(RUNS).text) == ["a"]
    recorder.run("b", stop="Trainer", state="failed", last="FAILED")
    assert [row[2:4] for row in html.rows(client.get(RUNS).text)] == [["b", "failed"], ["a", "succeeded"]]


def test_a_pipeline_that_never_ran(client: TestClient) -> None:
    answer = client.get("/pipelines/pengin")
    assert answer.status_code == 404
    assert "No pipeline &#39;pengin&#39; has run; did you mean penguin?" in answer.text
