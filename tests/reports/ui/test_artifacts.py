"""The page of an artifact: upstream and downstream, clickable."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from pipeline import metadata
from reports.ui import lineage_graph
from tests.pipeline.records import Recorder
from tests.reports.ui import html
from tests.reports.ui.conftest import client_of


def of_type(recorder: Recorder, kind: str) -> list[int]:
    return [a.id for a in metadata.by_id(recorder.store.get_artifacts()) if a.type == kind]


def drawn(page: str, part: str) -> set[int]:
    """The artifacts that a graph leads to."""
    graph = page.partition(f'id="{part}"')[2].partition("</svg>")[0]
    return {int(link.rpartition("/")[2]) for link in html.links(graph)}


def test_what_a_model_was_made_from_and_what_came_of_it(past: Recorder, client: TestClient) -> None:
    model = of_type(past, "Model")[0]
    page = client.get(f"/artifacts/{model}").text
    assert drawn(page, "upstream") == {1, 2, 3, 5, 6}
    after = {
        of_type(past, kind)[0]
        for kind in ("ModelBlessing", "ModelEvaluation", "InfraBlessing", "PushedModel")
    }
    assert drawn(page, "downstream") == after
    assert "From the cache 1 time, last in 20261123-020000" in html.text(page)


def test_examples_lead_to_all_their_models(past: Recorder, client: TestClient) -> None:
    page = client.get("/artifacts/1").text
    table = html.links(page.partition('id="downstream"')[2].partition("</svg>")[2])
    assert {f"/artifacts/{model}" for model in of_type(past, "Model")} <= set(table)


def test_what_the_latest_runs_made_is_drawn_with_what_lies_between(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_graph, "MOST_IN_A_ROW", 3)
    page = client_of(recorder.home).get("/artifacts/1").text
    models = of_type(recorder, "Model")
    after = drawn(page, "downstream")
    assert after & set(models) == {models[2]}
    # What the third model was made of, and its evaluation.
    assert {2, 3, 5, 6, of_type(recorder, "ModelEvaluation")[2]} <= after
    assert "more are in the table" in page
    table = html.links(page.partition('id="downstream"')[2].partition("</svg>")[2])
    assert {f"/artifacts/{model}" for model in models[:3]} <= set(table)


def test_no_more_steps_are_followed_than_can_be_shown(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_graph, "MOST_STEPS", 3)
    assert "there is more than can be shown" in client_of(recorder.home).get("/artifacts/1").text


@pytest.mark.parametrize("artifact", ["99999", "x", "-1", "1e3", "9" * 30, "%D9%A1"])
def test_an_unknown_artifact_is_one_clear_line(client: TestClient, artifact: str) -> None:
    answer = client.get(f"/artifacts/{artifact}")
    assert answer.status_code == 404
    assert 'class="line">There is no artifact' in answer.text
