"""Evaluations on unseen data among the runs: listed by kind, beside the pushed model, on the pages of artifacts and metrics."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline import companions, lock, metadata
from pipeline.home import Home
from pipeline.outcomes import Outcome
from tests.pipeline.records import copy_of
from tests.reports.evaluations import AGAINST, EVIL, LAST, REFUSED, TRAINED, Evaluated
from tests.reports.ui import html, light
from tests.reports.ui.conftest import client_of

RUNS = "/pipelines/penguin"


@pytest.fixture(scope="module")
def client(evaluated: Evaluated) -> TestClient:
    return client_of(evaluated.recorder.home)


def test_they_are_listed_among_the_runs(client: TestClient) -> None:
    page = client.get(RUNS).text
    found = html.rows(page)
    assert [(row[2], row[3], row[7]) for row in found] == [
        (REFUSED, "gate failed", "0.5000"),
        (LAST, "bounds hold", "0.9600"),
        (AGAINST, "against it", "0.6000"),
        (TRAINED, "succeeded", "0.9700"),
    ]
    assert found[1][-1] == "evaluation of version 1 on later.csv"
    assert found[2][-1] == f"verdict against version 1 on {EVIL}: accuracy 0.6 on overall"
    assert "<script>alert" not in page
    assert "4 runs, 2 of them evaluations on new data" in html.text(page)
    # Trainings alone are compared: the last two are chosen.
    assert page.count('type="radio"') == 4
    assert f'name="before" value="{TRAINED}" aria-label="Compare from {TRAINED}" checked' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=evaluation", [LAST, AGAINST]),
        ("kind=training", [REFUSED, TRAINED]),
        ("kind=evaluation&state=gate_failed", [AGAINST]),
        ("text=later", [LAST]),
    ],
)
def test_the_filter_of_kinds(client: TestClient, query: str, expected: list[str]) -> None:
    page = client.get(f"{RUNS}?{query}").text
    assert [row[2] for row in html.rows(page)] == expected
    assert f"{len(expected)} of 4 runs" in html.text(page)


def test_an_odd_kind_is_told_in_a_line(client: TestClient) -> None:
    answer = client.get(f"{RUNS}?kind=odd")
    assert answer.status_code == 404
    assert "kind=odd: choose one of training, evaluation." in html.text(answer.text)


def test_the_pushed_model_and_its_last_evaluation(client: TestClient) -> None:
    [row] = [row for row in html.rows(client.get("/").text) if row[0]]
    # The last run is a training.
    assert row[:4] == ["penguin", "2", REFUSED, "gate failed"]
    assert row[6:8] == ["v1", "bounds hold"]
    shown = html.text(client.get(RUNS).text)
    assert "On new data, last: version 1 on later.csv bounds hold" in shown
    [model] = html.rows(client.get(f"{RUNS}/models").text)
    assert "version 1 on later.csv bounds hold" in model


def test_the_page_of_an_evaluation_is_its_report(evaluated: Evaluated, client: TestClient) -> None:
    page = client.get(f"{RUNS}/runs/{LAST}").text
    assert "All bounds hold on the new data." in page
    assert f"evaluation {LAST} bounds hold" in html.text(page)
    for section in ("verdict", "dag", "data", "evaluation", "trend", "artifacts"):
        assert f'<section id="{section}">' in page
    assert '<section id="training">' not in page
    links = html.links(page)
    assert f"/artifacts/{evaluated.model}" in links
    # The one before is an evaluation, and there is nothing to compare or to ask.
    assert f"{RUNS}/runs/{AGAINST}" in links
    assert not [link for link in links if "/compare" in link or "/what-if" in link]
    assert client.get(f"{RUNS}/runs/evaluation").headers["location"] == f"{RUNS}/runs/{LAST}"


def test_the_page_of_the_training_leads_to_it(client: TestClient) -> None:
    assert f"{RUNS}/runs/{LAST}" in html.links(client.get(f"{RUNS}/runs/{TRAINED}").text)


def test_the_page_of_the_model_lists_them(evaluated: Evaluated, client: TestClient) -> None:
    page = client.get(f"/artifacts/{evaluated.model}").text
    assert html.rows(page, 1) == [
        [LAST, "bounds hold", "2026-11-24 01:35", "0.9600", "version 1 on later.csv"],
        [AGAINST, "against it", "2026-11-24 01:35", "0.6000", f"version 1 on {EVIL}"],
    ]
    evaluation = evaluated.made["Evaluator"]["evaluation"]
    assert f"/artifacts/{evaluation}" in html.links(page)


@pytest.mark.parametrize("key", [("Evaluator", "evaluation"), ("ExampleGen", "examples")])
def test_an_artifact_of_an_evaluation_leads_back_to_it(
    evaluated: Evaluated, client: TestClient, key: tuple[str, str]
) -> None:
    page = client.get(f"/artifacts/{evaluated.made[key[0]][key[1]]}").text
    assert f"{RUNS}/runs/{LAST}" in html.links(page)
    assert client.get(f"{RUNS}/runs/{LAST}").status_code == 200
    # By the name of the pipeline, which is what pages go by.
    assert "penguin-evaluations" not in "".join(html.links(page))


def test_metrics_have_points_of_their_own_kind(client: TestClient) -> None:
    page = client.get(f"{RUNS}/metrics").text
    said = "accuracy of 2 runs, 1 of them pushed; the last is 0.5000; of 2 evaluations on new data"
    assert said in page
    assert [[" ".join(cell.split()) for cell in row[2:4]] for row in html.rows(page)] == [
        ["gate failed", ""],
        ["bounds hold version 1 on later.csv", ""],
        [f"against it version 1 on {EVIL}", ""],
        ["succeeded", "v1"],
    ]
    without = client.get(f"{RUNS}/metrics?kind=training").text
    assert 'accuracy of 2 runs, 1 of them pushed; the last is 0.5000"' in without
    alone = client.get(f"{RUNS}/metrics?kind=evaluation").text
    assert 'accuracy of 2 evaluations on new data"' in alone


def test_one_in_flight_is_followed_by_its_own_lock(evaluated: Evaluated, tmp_path: Path) -> None:
    recorder = copy_of(evaluated.recorder, Home(tmp_path))
    metadata.update_run(recorder.store, LAST, {"mlpipe_state": "running", "mlpipe_ended": ""})
    client = client_of(recorder.home)
    address = f"{RUNS}/runs/{LAST}"
    # Without a process it was interrupted, whoever holds the lock of the trainings.
    with lock.lock(recorder.home, "penguin", LAST):
        assert f"evaluation {LAST} interrupted" in html.text(client.get(address).text)
    with lock.lock(recorder.home, companions.evaluations_of("penguin"), LAST):
        shown = html.text(client.get(address).text)
        assert f"evaluation {LAST} running" in shown
        assert "process " in shown
    # The verdict that is told of the pushed model is one that was found.
    with lock.lock(recorder.home, companions.evaluations_of("penguin"), LAST):
        assert f"On new data, last: version 1 on {EVIL} against it" in html.text(client.get(RUNS).text)


def test_nothing_is_left_of_the_training(evaluated: Evaluated, tmp_path: Path) -> None:
    recorder = copy_of(evaluated.recorder, Home(tmp_path))
    shutil.rmtree(recorder.home.pipeline_root("penguin"))
    shutil.rmtree(recorder.home.serving("penguin"))
    client = client_of(recorder.home)
    for path in (
        "/",
        RUNS,
        f"{RUNS}/models",
        f"{RUNS}/metrics",
        f"{RUNS}/runs/{LAST}",
        f"/artifacts/{evaluated.model}",
    ):
        assert client.get(path).status_code == 200, path
    assert "The statistics of the training data are gone" in client.get(f"{RUNS}/runs/{LAST}").text


def test_a_pipeline_that_has_evaluations_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    light.add(
        home,
        LAST,
        Outcome({"complete": 4}, None, None, None, None, {"accuracy": 0.9}),
        companions.evaluations_of("penguin"),
        kind="evaluation",
        about="version 1 on later.csv",
        model="x",
        config={"name": "penguin"},
    )
    store = metadata.open_store(home)
    metadata._pipeline_id(store, "penguin")
    client = client_of(home)
    assert [row[:4] for row in html.rows(client.get("/").text)] == [["penguin", "0", LAST, "bounds hold"]]
    for path in (RUNS, f"{RUNS}/models", f"{RUNS}/metrics", f"{RUNS}/runs/{LAST}"):
        assert client.get(path).status_code == 200, path
    answer = client.get(f"{RUNS}/compare")
    assert (answer.status_code, "penguin has no run that could be compared." in answer.text) == (404, True)
