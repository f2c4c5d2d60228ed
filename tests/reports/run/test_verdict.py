from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from reports import run_facts
from reports.run import verdict
from reports.run_facts import RunFacts
from tests.pipeline.records import Recorder


def gate(facts: RunFacts, name: str) -> verdict.Gate:
    return next(gate for gate in verdict.gates_of(facts) if gate.name == name)


def measured(**changes: Any) -> dict[str, Any]:
    row = {
        "slice": "overall",
        "output": "",
        "metric": "accuracy",
        "value": 0.97,
        "lower": 0.95,
        "upper": None,
    }
    return {**row, "change": -0.03, "baseline": 0.98, "ok": True, "examples": 1068, **changes}


def judge(facts: RunFacts, *rows: dict[str, Any], **more: Any) -> None:
    content = {"blessed": True, "metrics": rows, "missing_slices": [], "missing_thresholds": False, **more}
    (facts.folder("Evaluator", "evaluation") / "verdict.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("run", "style", "sentence"),
    [
        ("20261123-010000", "ok", "Pushed as version 1."),
        ("20261123-040000", "bad", "Not pushed: a gate did not let it pass."),
        ("20261124-050000", "bad", "Not pushed: the run failed."),
        ("20261124-060000", "warn", "The run goes on."),
    ],
)
def test_the_headline(past: Recorder, run: str, style: str, sentence: str) -> None:
    assert verdict.headline(run_facts.find(past.home, "penguin", run)) == (style, sentence)


def test_the_gates_of_a_pushed_model(facts: RunFacts) -> None:
    found = verdict.gates_of(facts)
    assert [(gate.name, gate.node, gate.state) for gate in found] == [
        ("Data", "ExampleValidator", "passed"),
        ("Model", "Evaluator", "passed"),
        ("Serving", "ServingCheck", "passed"),
    ]
    [bound] = found[1].rows
    assert (bound.what, bound.value, bound.threshold, bound.ok) == ("accuracy", "0.9700", "≥ 0.95", True)
    rows = {row.what: row.value for row in found[2].rows}
    assert rows == {"p99 over REST": "3.10 ms", "p99 over gRPC": "1.20 ms", "memory of the server": "412 MB"}


def test_where_it_was_pushed_to(facts: RunFacts) -> None:
    where = f"{facts.home.root.name}/serving/penguin/1"
    assert verdict.push(facts) == verdict.Push(1, where, served=True)
    shutil.rmtree(facts.home.serving("penguin"))
    assert verdict.push(facts) == verdict.Push(1, where, served=False)
    assert "no longer there" in verdict.section(facts).html


def test_the_page_has_every_figure(facts: RunFacts) -> None:
    judge(
        facts,
        measured(),
        measured(metric="loss", value=0.0321, lower=None, change=None, baseline=None, ok=None),
        measured(slice="island=Biscoe", value=None, change=None, baseline=None, ok=False, examples=44),
        blessed=False,
        missing_slices=["island=Dream"],
        missing_thresholds=True,
        baseline_left_out="its classes are others",
    )
    found = gate(facts, "Model")
    assert (found.state, found.line) == ("failed", "1 of 2 bounds hold")
    html = verdict.section(facts).html
    for shown in (
        "0.9700",
        "≥ 0.95, at most 0.03 worse",
        "0.9800",
        "1,068",
        "0.0321",
        "accuracy on island=Biscoe",
        "not a number",
        "no examples in the required slice island=Dream",
        "a metric that has a threshold was not measured",
        "not compared with the last blessed model: its classes are others",
    ):
        assert shown in html, shown


@pytest.mark.parametrize(
    ("changes", "lower", "upper"),
    [
        ({}, 0.95, None),
        ({"baseline": 0.99}, pytest.approx(0.96), None),
        ({"change": 0.1, "lower": None, "upper": 2.0, "baseline": 1.0}, None, pytest.approx(1.1)),
        ({"change": None}, 0.95, None),
    ],
)
def test_the_scale_has_the_strictest_bound(changes: dict[str, Any], lower: Any, upper: Any) -> None:
    scale = verdict.metric_row(measured(**changes)).scale
    assert scale is not None
    assert (scale.lower, scale.upper) == (lower, upper)
    assert all(0 < place < 1 for place in scale.places.values())
    assert scale.places["value"] > scale.places.get("lower", 0)


def test_anomalies_drift_and_skew(facts: RunFacts) -> None:
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["color"].reason.add(short_description="New value", description="<b>green</b> is new")
    info = found.drift_skew_info.add()
    info.path.step.append("island")
    info.drift_measurements.add(value=0.2, threshold=0.1)
    info.skew_measurements.add(value=0.00214, threshold=0.1)
    folder = facts.folder("ExampleValidator", "anomalies") / "Split-train"
    folder.mkdir()
    (folder / "SchemaDiff.pb").write_bytes(found.SerializeToString())
    data = gate(facts, "Data")
    assert (data.state, data.line) == ("failed", "1 anomaly")
    assert data.notes == ("train: color: New value: <b>green</b> is new",)
    assert [(row.what, row.value, row.threshold, row.ok) for row in data.rows] == [
        ("drift of island", "0.200", "≤ 0.1", False),
        ("skew of island", "0.00214", "≤ 0.1", True),
    ]
    html = verdict.section(facts).html
    assert "&lt;b&gt;green" in html
    assert "<b>green" not in html


def test_a_gate_that_was_not_reached_and_one_whose_files_are_gone(recorder: Recorder) -> None:
    failed = run_facts.find(recorder.home, "penguin", "20261124-050000")
    assert gate(failed, "Model") == verdict.Gate(
        "Model", "Evaluator", "not reached", "There is no evaluation: Evaluator was not reached."
    )
    stopped = run_facts.find(recorder.home, "penguin", "20261123-040000")
    assert gate(stopped, "Model").state == "failed"
    (stopped.folder("Evaluator", "evaluation") / "verdict.json").unlink()
    assert gate(stopped, "Model").state == "unknown"
    assert "has no verdict.json" in verdict.section(stopped).html


@pytest.mark.parametrize(("gate", "state"), [("warn", "passed"), ("fail", "failed")])
def test_the_forms_of_tflite(gate: str, state: str) -> None:
    forms = {
        "float32": {"kept": True, "loss": 0.0001, "reason": None},
        "int8": {"kept": False, "loss": 0.02, "reason": "loses 0.02, more than max_loss: 0.01"},
    }
    report = {"metric": "accuracy", "gate": gate, "forms": forms}
    facts: Any = SimpleNamespace(json=lambda *_: report, config={"optimizer": {"max_loss": 0.01}})
    found = verdict._edge(facts)
    assert (found.node, found.state, found.line) == ("ModelOptimizer", state, "float32 of 2 forms kept")
    assert [(row.what, row.value, row.threshold, row.ok) for row in found.rows] == [
        ("accuracy lost by float32", "0.000100", "≤ 0.01", True),
        ("accuracy lost by int8", "0.0200", "≤ 0.01", False),
    ]
    assert found.notes == ("int8: loses 0.02, more than max_loss: 0.01",)


@pytest.mark.parametrize(("bound", "said", "ok"), [(0.2, "≤ 20.0 %", True), (0.1, "≤ 10.0 %", False)])
def test_new_words_of_texts(tmp_path: Path, bound: float, said: str, ok: bool) -> None:
    column = {"out_of_vocabulary": {"eval": {"words": 0.125, "examples": ["mlpipe"]}}}
    (tmp_path / "text_report.json").write_text(json.dumps({"max_oov": bound, "columns": {"review": column}}))
    facts: Any = SimpleNamespace(folder=lambda *_: tmp_path, config={"data": {"text": "table"}})
    [row] = verdict._new_words(facts)
    assert (row.what, row.value) == ("words of review in eval that are not in train", "12.5 %")
    assert (row.threshold, row.ok) == (said, ok)
