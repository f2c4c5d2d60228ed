from __future__ import annotations

import dataclasses
import shutil

from reports import run_facts
from reports.run import card
from reports.run_facts import RunFacts
from tests.pipeline.records import Recorder
from tests.reports import trained

SAID = {
    "intended_use": "To tell *species* apart.\n\nIn the field | at home.",
    "not_for": "",
    "owner": "<script>alert(1)</script>",
}


def saying(facts: RunFacts) -> RunFacts:
    config = {**facts.config, "task": "multiclass", "label": "species", "card": SAID}
    return dataclasses.replace(facts, run=dataclasses.replace(facts.run, config=config))


def test_what_people_say_and_what_was_measured(facts: RunFacts) -> None:
    trained.leave(facts, "learning_curves.json", trained.CURVES)
    found = {part.title: part for part in card.parts(saying(facts))}
    assert list(found) == ["Model", "Intended use", "Data", "Metrics", "Owner"]
    assert dict(found["Model"].values)["task"] == "multiclass of species"
    assert dict(found["Model"].values)["parameters"] == "371"
    assert dict(found["Data"].values)["held-out examples that it was measured on"] == "68"
    assert found["Data"].rows[0][:2] == ("penguins.csv", "344")
    assert found["Metrics"].rows == (("accuracy", "0.9700", "≥ 0.95", "68"),)
    html = card.section(saying(facts)).html
    assert "<script>" not in html
    assert "says nothing of not for, limits, license" in html


def test_markdown_holds_text_alone(facts: RunFacts) -> None:
    lines = card.markdown(saying(facts)).splitlines()
    assert lines[0] == "# penguin, version 1"
    assert "To tell \\*species\\* apart." in lines
    assert "In the field \\| at home." in lines
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in lines
    assert "| accuracy | 0.9700 | ≥ 0.95 | 68 |" in lines


def test_limits_of_a_run_that_a_gate_stopped(recorder: Recorder) -> None:
    facts = run_facts.find(recorder.home, "penguin", "20261123-040000")
    [limits] = [part for part in card.parts(facts) if part.title == "Limits"]
    assert ("gates that it did not pass", "Model") in limits.values
    shutil.rmtree(facts.folder("Evaluator", "evaluation"))
    [metrics] = [part for part in card.parts(facts) if part.title == "Metrics"]
    assert "is gone" in metrics.paragraphs[0]
