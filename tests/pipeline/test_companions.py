"""Evaluations on unseen data stand beside the runs of their pipeline, and are not taken for them."""

from __future__ import annotations

import pytest

from common.errors import BadInput
from pipeline import companions, metadata, runs
from pipeline.unseen import subject
from tests.pipeline.records import Recorder

NAME = "penguin"


@pytest.fixture
def evaluated(recorder: Recorder) -> Recorder:
    """After six runs, two evaluations."""
    for run_id in ("20261125-010000", "20261125-020000"):
        known = {
            "mlpipe_kind": "evaluation",
            "mlpipe_state": "gate_failed",
            "mlpipe_about": "version 2 on new.csv",
        }
        metadata.register_run(recorder.store, companions.evaluations_of(NAME), run_id, known)
    return recorder


def test_names() -> None:
    assert companions.with_evaluations(["a", "b"]) == ["a", "a-evaluations", "b", "b-evaluations"]
    assert [companions.owner(name) for name in ("a", "a-evaluations")] == ["a", "a"]
    assert companions.is_evaluations("a-evaluations")
    assert not companions.is_evaluations("a_evaluations")


def test_runs_are_listed_without_and_with_them(evaluated: Recorder) -> None:
    assert metadata.pipelines(evaluated.store) == [NAME]
    assert {run.kind for run in runs.list_runs(evaluated.store, NAME)} == {"training"}
    listed = runs.list_runs(evaluated.store, NAME, limit=3, evaluations=True)
    assert [(run.kind, run.pipeline, run.about) for run in listed] == [
        ("training", NAME, ""),
        ("evaluation", NAME, "version 2 on new.csv"),
        ("evaluation", NAME, "version 2 on new.csv"),
    ]
    assert [node.id for node in listed[-1].nodes] == list(runs.EVALUATION_NODES)
    assert listed[-1].recorded_under == "penguin-evaluations"


@pytest.mark.parametrize(
    ("selector", "run_id"),
    [
        ("last", "20261124-060000"),
        ("evaluation", "20261125-020000"),
        ("evaluation~1", "20261125-010000"),
        ("20261125-01", "20261125-010000"),
    ],
)
def test_last_is_the_last_training(evaluated: Recorder, selector: str, run_id: str) -> None:
    assert runs.get_run(evaluated.store, NAME, selector).id == run_id


def test_an_evaluation_that_is_not_there_is_told(evaluated: Recorder) -> None:
    with pytest.raises(BadInput, match="penguin has only 2 evaluations on unseen data"):
        runs.get_run(evaluated.store, NAME, "evaluation~2")
    last = runs.last_run(evaluated.store, NAME)
    assert last is not None
    assert last.kind == "training"


def test_the_model_comes_with_what_its_training_left(recorder: Recorder) -> None:
    # The model that was pushed last, of the third run: same data as the first, another learning rate.
    found = subject.find(recorder.store, recorder.home, NAME)
    assert (found.name, found.version, found.curated) == ("version 2", 2, False)
    kinds = {one.id: one.type for one in metadata.artifacts(recorder.store, found.ids.values())}
    assert {key: kinds[one] for key, one in found.ids.items()} == {
        "model": "Model",
        "schema": "Schema",
        "statistics": "ExampleStatistics",
        "evaluation": "ModelEvaluation",
    }
    assert [row["file"] for row in found.files] == ["penguins.csv"]
    assert subject.find(recorder.store, recorder.home, NAME, version=1).name == "version 1"
    assert subject.find(recorder.store, recorder.home, NAME, artifact=found.model.id) == found


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({"version": 9}, "penguin has pushed no version 9; pushed: 1 to 2"),
        ({"artifact": 1}, "--artifact 1: is Examples, no Model"),
        ({"artifact": 999}, "--artifact 999: is not there"),
    ],
)
def test_a_model_that_is_not_there_is_told(recorder: Recorder, which: dict[str, int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        subject.find(recorder.store, recorder.home, NAME, **which)
