"""What the model answered and why, of a whole run: predictions, attributions, their gate, and the report of both."""

from __future__ import annotations

import json

import numpy as np
import pytest

from components.attributions import report
from pipeline import metadata
from reports import metric_table, predictions, run_facts
from reports.run import attributions, evaluation
from tests.end_to_end.project import Project


def test_predictions_agree_with_the_verdict(finished: Project) -> None:
    facts = run_facts.find(finished.home, "toy")
    verdict = facts.json("Evaluator", "evaluation", "verdict.json")
    found = predictions.read(facts.folder("Evaluator", "evaluation"))
    slices = metric_table.slices_of(found, [["color"]], {})
    slices["overall"] = np.ones(found.count, bool)
    rows = [row for row in verdict["metrics"] if row["metric"] == "accuracy"]
    assert {row["slice"] for row in rows} == set(slices)
    for row in rows:
        chosen = slices[row["slice"]]
        assert row["examples"] == chosen.sum()
        assert row["value"] == pytest.approx((found.predicted == found.true)[chosen].mean())
    html = evaluation.section(facts).html
    (overall,) = (row for row in rows if row["slice"] == "overall")
    assert f"{overall['value']:.4f}"[:5] in html


def test_a_pipeline_without_attributions_says_so(finished: Project) -> None:
    section = attributions.section(run_facts.find(finished.home, "toy"))
    assert section.empty.startswith("This pipeline measures none")


@pytest.mark.slow
def test_attributions_are_recorded_reported_and_gated(finished: Project) -> None:
    settings = {"examples": 60, "repeats": 2, "gradient_examples": 20, "steps": 40, "drift": 1.0}
    first = finished.run("--set", f"attributions={json.dumps(settings)}")
    assert first.code == 0, first.err
    assert "features   by permutation " in first.out
    facts = run_facts.find(finished.home, "toy")
    measured = report.read(facts.folder("Attributions", "attributions"))
    assert measured["gradients"]["completeness"]["largest_gap"] < 0.01
    section = attributions.section(facts)
    for row in measured["permutation"]["rows"]:
        assert row["feature"] in section.html
    artifact = facts.artifact("Attributions", "attributions")
    (model,) = facts.outputs("Trainer", "model")
    assert artifact.custom_properties["model_id"].int_value == model.id
    store = metadata.open_store(finished.home)
    assert [one.id for one in store.get_artifacts_by_type("FeatureAttributions")] == [artifact.id]

    changed = {**settings, "drift": 0.0}
    second = finished.run(
        "--set", f"attributions={json.dumps(changed)}", "--set", "trainer.training.epochs=3",
        "--set", "evaluation.gates.0.lower=0.1", "--set", "evaluation.gates.0.max_drop=1.0",
    )  # fmt: skip
    assert second.code == 3
    (line,) = second.err.strip().splitlines()
    assert line.startswith("mlpipe: attribution gate: nothing pushed: ")
    assert "of the attributions by gradients, the last blessed model " in line
    drifted = run_facts.find(finished.home, "toy")
    assert drifted.run.node("Pusher").state == "not reached"
    assert "Against the last blessed model" in attributions.section(drifted).html
