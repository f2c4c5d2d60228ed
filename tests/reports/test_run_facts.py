from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline.cleanup import collect
from pipeline.home import Home
from pipeline.metadata import NoRuns
from reports import run_facts
from reports.run_facts import Missing
from tests.pipeline.records import Recorder


def test_a_run_and_its_artifacts(past: Recorder) -> None:
    facts = run_facts.find(past.home, "penguin", "v2")
    assert (facts.id, facts.pipeline, facts.run.state) == ("20261123-030000", "penguin", "succeeded")
    assert [node.id for node in facts.nodes if node.state == "cached"][:2] == ["ExampleGen", "StatisticsGen"]
    cached = run_facts.find(past.home, "penguin", "20261123-010000").artifact("ExampleGen", "examples")
    assert facts.artifact("ExampleGen", "examples").id == cached.id
    assert facts.json("Evaluator", "evaluation", "verdict.json")["metrics"][0]["value"] == 0.98


def test_what_is_missing_is_said(recorder: Recorder) -> None:
    failed = run_facts.find(recorder.home, "penguin", "20261124-050000")
    with pytest.raises(Missing, match=r"There is no evaluation: Evaluator was not reached\.") as raised:
        failed.folder("Evaluator", "evaluation")
    assert not raised.value.was_there
    with pytest.raises(Missing, match=r"There is no model: Trainer made none: it is failed\."):
        failed.artifact("Trainer", "model")
    facts = run_facts.find(recorder.home, "penguin", "20261123-040000")
    folder = facts.folder("Evaluator", "evaluation")
    with pytest.raises(Missing, match=r"The evaluation of Evaluator has no plots\.json\."):
        facts.json("Evaluator", "evaluation", "plots.json")
    (folder / "verdict.json").write_text("{")
    with pytest.raises(Missing, match=r"verdict\.json of Evaluator is damaged: it is no JSON\."):
        facts.json("Evaluator", "evaluation", "verdict.json")
    shutil.rmtree(folder)
    with pytest.raises(Missing, match=r"artifact \d+\) is gone: its folder is missing\.") as raised:
        facts.folder("Evaluator", "evaluation")
    assert raised.value.was_there


def test_what_was_collected_is_gone(recorder: Recorder) -> None:
    recorder.run("20261125-010000", rows=400)
    collect(recorder.store, recorder.home, "penguin", 1)
    facts = run_facts.find(recorder.home, "penguin", "20261123-040000")
    with pytest.raises(Missing, match="is gone: deleted by mlpipe gc"):
        facts.folder("Trainer", "model")


def test_what_never_ran(past: Recorder, tmp_path: Path) -> None:
    with pytest.raises(NoRuns, match="no runs yet"):
        run_facts.find(Home(tmp_path), "penguin")
    with pytest.raises(BadInput, match="did you mean penguin"):
        run_facts.find(past.home, "pengin")
    with pytest.raises(BadInput, match="has no run 'v'"):
        run_facts.find(past.home, "penguin", "v")
