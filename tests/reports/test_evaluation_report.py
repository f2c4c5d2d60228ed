"""The report of an evaluation on unseen data, made from its records and artifacts."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline.home import Home
from pipeline.report_command import report
from reports import run_facts, run_report
from tests.pipeline.records import copy_of
from tests.reports.evaluations import AGAINST, EVIL, TRAINED, WARNING, Evaluated
from tests.reports.test_run_report import unmade
from tests.reports.ui import html


@dataclass
class Found:
    """An evaluation, and its report as text by section."""

    facts: run_facts.RunFacts

    @property
    def html(self) -> str:
        return run_report.html(self.facts)

    def text(self, section: str) -> str:
        made = {one.id: one for one in run_report.sections(self.facts)}
        return html.text(str(made[section].html)) or made[section].empty


@pytest.fixture
def found(evaluated: Evaluated, tmp_path: Path) -> Found:
    """The evaluation that is against the model."""
    return Found(run_facts.find(copy_of(evaluated.recorder, Home(tmp_path)).home, "penguin", AGAINST))


def test_its_parts(found: Found) -> None:
    assert unmade(found.html) == []
    parts = re.findall(r'<section id="([^"]*)"', found.html)
    assert parts == ["verdict", "dag", "data", "evaluation", "trend"]
    assert "<h1>penguin · evaluation 20261124-070000</h1>" in found.html


def test_the_verdict_with_its_bounds_beside_its_own_evaluation(found: Found) -> None:
    verdict = found.text("verdict")
    assert "The verdict is against it." in verdict
    assert f"verdict against version 1 on {EVIL}: accuracy 0.6 on overall" in verdict
    assert WARNING in verdict
    assert f"trained by run {TRAINED}" in verdict
    assert "no anomalies; 1 bound holds; 1 of 2 columns drifted" in verdict
    assert "0 of 1 bounds hold" in verdict
    assert "its own evaluation" in verdict
    assert "✓ drift of island 0.0100 ≤ 0.1" in verdict
    assert "✗ accuracy 0.6000 ≥ 0.95 0.9700 68" in verdict
    assert "Serving" not in verdict
    assert "pushed" not in verdict.lower()


def test_one_that_holds(found: Found) -> None:
    held = Found(run_facts.find(found.facts.home, "penguin", "evaluation"))
    assert "All bounds hold on the new data." in held.text("verdict")


def test_bounds_that_do_not_exist_are_not_broken(found: Found) -> None:
    file = found.facts.folder("Evaluator", "evaluation") / "verdict.json"
    content = json.loads(file.read_text())
    for row in content["metrics"]:
        row |= {"lower": None, "ok": None}
    file.write_text(json.dumps({**content, "blessed": False}))
    assert "Model passed no bounds" in found.text("verdict")


def test_drift_from_the_data_of_the_training(found: Found) -> None:
    data = found.text("data")
    assert "100 examples; 2 features." in data
    assert "Compared with the data that the model was trained on (artifact 2)." in data
    assert "1 of 2 columns drifted; where no bound is set, those that moved more than 0.05" in data
    rows = html.rows(found.html, _table(found.html, "drift"))
    assert rows == [
        ["bill_length_mm", "0.3100", "", "0.4200", "0.00400", "drifted"],
        ["island", "0.0100", "0.1000", "0.0100", "", ""],
    ]
    # The means of both, the training first.
    assert re.search(r"training new data .*mean 43\.9\d* 50\.2\d*", data)


def _table(page: str, name: str) -> int:
    before = page.partition(f'<table class="{name}">')[0]
    return before.count("<table")


def test_the_evaluation_beside_that_of_the_training(found: Found) -> None:
    shown = found.text("evaluation")
    assert "0.6000 ✗" in shown
    assert "-0.3700 from 0.9700" in shown
    assert "the difference to the model's own evaluation" in shown


def test_the_trend_is_that_of_evaluations(found: Found) -> None:
    assert found.text("trend") == "There is no trend yet: only this run was evaluated."
    trend = Found(run_facts.find(found.facts.home, "penguin", "evaluation")).text("trend")
    assert "2 runs, the latest first" in trend
    assert f"version 1 on {EVIL}" in trend
    assert TRAINED not in trend


def test_without_the_artifacts_of_the_training(found: Found) -> None:
    shutil.rmtree(found.facts.home.pipeline_root("penguin"))
    assert unmade(found.html) == []
    assert "The statistics of the training data are gone" in found.text("data")
    assert "0.6000 ✗" in found.text("evaluation")


def test_without_its_own_artifacts(found: Found) -> None:
    shutil.rmtree(found.facts.home.pipelines)
    assert unmade(found.html) == []
    assert "The verdict is against it." in found.text("verdict")
    assert re.search(r"evaluation of Evaluator \(artifact \d+\) is gone", found.text("evaluation"))


@pytest.mark.parametrize("content", ["no JSON", "[3]", '[{"column": "x"}]', '{"a": 1}'])
def test_drift_that_cannot_be_read_costs_nothing_else(found: Found, content: str) -> None:
    (found.facts.folder("ExampleValidator", "anomalies") / "drift.json").write_text(content)
    assert unmade(found.html) == []
    assert "columns drifted" not in found.html


def test_the_command(found: Found, capsys: pytest.CaptureFixture[str]) -> None:
    home = found.facts.home
    report("penguin", "evaluation~1", home=home.root)
    # Where `mlpipe gc` looks for the reports of evaluations.
    assert capsys.readouterr().out == f"{home.root}/reports/penguin-evaluations/{AGAINST}.html\n"
    assert home.report("penguin-evaluations", AGAINST).is_file()
    with pytest.raises(BadInput, match="evaluates a model on unseen data"):
        report("penguin", "evaluation", card=True, home=home.root)
