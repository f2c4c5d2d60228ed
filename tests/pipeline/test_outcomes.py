from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import metadata, outcomes, record
from pipeline.home import Home
from pipeline.outcomes import Outcome
from tests.pipeline.records import Recorder


def test_what_came_of_each_run(past: Recorder) -> None:
    contexts = metadata.run_contexts(past.store, "penguin")
    found = list(outcomes.read(past.store, [context.id for context in contexts]).values())
    models = [a.id for a in metadata.by_id(past.store.get_artifacts_by_type("Model"))]

    def served(version: str) -> str:
        return str(past.home.serving("penguin") / version)

    assert found == [
        Outcome({"complete": 9}, True, 1, served("1"), models[0], {"accuracy": 0.97}),
        Outcome({"cached": 9}, True, metrics={"accuracy": 0.97}),
        Outcome({"cached": 5, "complete": 4}, True, 2, served("2"), models[1], {"accuracy": 0.98}),
        Outcome({"cached": 5, "complete": 4}, False, metrics={"accuracy": 0.5}),
        Outcome({"complete": 5, "failed": 1}),
        Outcome({"complete": 4, "running": 1}),
    ]


def test_a_run_that_ended_keeps_its_outcome(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("a", state="running")
    record.end(recorder.store, "a", "succeeded")
    [context] = metadata.run_contexts(recorder.store, "penguin")
    kept = outcomes.parse(metadata.properties(context)[outcomes.PROPERTY])
    assert kept is not None
    assert (kept.pushed, kept.blessed, kept.metrics) == (1, True, {"accuracy": 0.97})


@pytest.mark.parametrize("damage", ["", "[1]", '{"metrics": 3}', '{"metrics": [{"slice": "overall"}]}'])
def test_a_damaged_verdict_keeps_no_run_from_its_end(recorder: Recorder, damage: str) -> None:
    for path in recorder.home.pipeline_root("penguin").glob("Evaluator/evaluation/*/verdict.json"):
        path.write_text(damage)
    run = "20261123-030000"
    record.end(recorder.store, run, "failed", "late")
    context = metadata.run_context(recorder.store, run)
    assert context is not None
    kept = outcomes.parse(metadata.properties(context)[outcomes.PROPERTY])
    assert kept is not None
    assert (kept.pushed, kept.metrics) == (2, {})


def test_what_is_no_outcome() -> None:
    assert outcomes.parse("") is None
    assert outcomes.parse("[1]") is None
    assert outcomes.parse('{"another": 1}') is None
