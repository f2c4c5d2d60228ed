"""Two runs side by side."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from pipeline.home import Home
from tests.pipeline.records import Recorder
from tests.reports.ui import html, light
from tests.reports.ui.conftest import client_of

COMPARE = "/pipelines/penguin/compare"


def part(page: str, name: str, table: int = 0) -> list[list[str]]:
    return html.rows(page.partition(f'<section id="{name}">')[2].partition("</section>")[0], table)


def test_what_changed_from_one_pushed_model_to_the_next(client: TestClient) -> None:
    page = client.get(f"{COMPARE}?before=v1&after=v2").text
    summary = {row[0]: row[1:] for row in part(page, "summary")}
    assert summary["Configuration"] == ["1", "7"]
    assert summary["Data"] == ["0", "27"]
    assert part(page, "config") == [["trainer training learning_rate", "0.01", "0.1"]]
    assert part(page, "metrics") == [["overall", "accuracy", "0.9700", "0.9800", "+0.01"]]


def test_features_that_differ_are_laid_over_each_other(recorder: Recorder) -> None:
    recorder.run("20261125-010000", rows=400, mean=50.0)
    page = client_of(recorder.home).get(f"{COMPARE}?before=v1&after=last").text
    data = page.partition('<section id="statistics">')[2].partition("</section>")[0]
    assert "bill_length_mm" in html.text(data)
    [mean] = [row for row in part(page, "statistics", -1) if row[:3] == ["train", "bill_length_mm", "mean"]]
    assert mean[3:] == ["43.90", "50.00"]
    assert part(page, "files")[0][0] == "all penguins.csv"


def test_a_metric_that_failed_its_gate_is_marked(client: TestClient) -> None:
    page = client.get(f"{COMPARE}?before=v1&after=20261123-040000").text
    assert part(page, "metrics") == [["overall", "accuracy", "0.9700", "0.5000 ✗", "-0.47"]]


def test_what_cannot_be_compared_is_said(client: TestClient) -> None:
    page = html.text(client.get(COMPARE).text)
    assert "Not compared: metrics of 20261124-060000: Evaluator was not reached" in page


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("before=v7", "penguin has pushed no version 7; pushed: 1 to 2"),
        ("before=2026", "6 runs of penguin start with"),
    ],
)
def test_an_unknown_or_ambiguous_run_is_one_clear_line(client: TestClient, query: str, line: str) -> None:
    answer = client.get(f"{COMPARE}?{query}&after=last")
    assert answer.status_code == 404
    assert line in html.text(answer.text)


def test_the_run_in_which_each_part_first_changed(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("parts"))
    for run, code, data in (("a", "1", "1"), ("b", "1", "2"), ("c", "2", "2"), ("d", "3", "2")):
        light.add(home, run, parts=json.dumps({"code": code, "data": data, "configuration": "1"}))
    light.add(home, "e", config={"trainer": {"rate": 2}})
    page = client_of(home).get(f"{COMPARE}?before=a&after=d").text
    first = page.partition('class="first">')[2].partition("</ol>")[0]
    assert [line.strip() for line in html.text(first.replace("<li>", ";")).split(";")][1:] == [
        "data in run b 2026-11-23 01:00",
        "code in run c 2026-11-23 01:00",
    ]
    assert "configuration trainer.rate in run e" in html.text(
        client_of(home).get(f"{COMPARE}?before=a&after=e").text
    )
