from __future__ import annotations

import re
from typing import Any

import pytest

from reports.run import training
from reports.run_facts import Missing, RunFacts
from tests.reports import trained

EVIL = "<script>alert(1)</script>"


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_figures_are_those_of_the_artifacts(facts: RunFacts) -> None:
    trained.leave(facts, "learning_curves.json", trained.CURVES)
    trained.leave(facts, "model.json", trained.BRANCHES)
    html = training.section(facts).html
    assert "loss by epoch: train ends at 0.4100, valid ends at 0.6300" in html
    assert "accuracy by epoch: train ends at 0.9000" in html
    shown = text(html)
    for fact in (
        "training examples 240",
        "best epoch 2",
        "stopped early after epoch 3",
        "time a step, with validation 200 ms",
        "371 parameters, in 5 layers",
        "hidden Dense any × 16 320 units 16, activation relu both",
        "training.learning_rate 0.01",
        "model.hidden [16]",
    ):
        assert fact in shown, fact
    assert 'aria-label="The layers of net and what feeds what"' in html


def test_a_chain_needs_no_picture(facts: RunFacts) -> None:
    trained.leave(facts, "learning_curves.json", trained.CURVES)
    trained.leave(facts, "model.json", trained.model(trained.layer("a"), trained.layer("b", "a")))
    assert "The layers of net" not in training.section(facts).html


def test_an_older_training_has_curves_without_layers(facts: RunFacts) -> None:
    trained.leave(facts, "learning_curves.json", {"epoch": [1], "loss": [0.5]})
    html = training.section(facts).html
    assert "The model run of Trainer has no model.json." in html
    assert "loss by epoch: train ends at 0.5000" in html


def test_no_training(facts: RunFacts) -> None:
    with pytest.raises(Missing, match=r"has no learning_curves\.json"):
        training.section(facts)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([1.0, 2.0, 3.0], [0, 0.5, 1]),
        ([0.01, 0.0001, 0.001], [1, 0, 0.5]),
        ([2, 2, None], [0.5, 0.5, None]),
        (["relu", "tanh", "relu"], [0, 1, 0]),
    ],
)
def test_places_on_an_axis(values: list[Any], places: list[Any]) -> None:
    assert training._places(values) == [place if place is None else pytest.approx(place) for place in places]


def test_the_trials_are_a_line_each_over_what_varies() -> None:
    trials = [{key: value for key, value in trial.items() if key != "trial_id"} for trial in trained.TRIALS]
    drawn = training._parallel([{**trial, EVIL: place} for place, trial in enumerate(trials)])
    assert drawn.count('aria-roledescription="line mark"') == len(trained.TRIALS)
    lines = re.findall(r'aria-roledescription="line mark" d="M([^"]*)"', drawn)
    for line in lines:
        along = [float(point.partition(",")[0]) for point in line.split("L")]
        assert len(along) == 4
        assert along == sorted(along)
    assert 'aria-label="3 trials of the Tuner; the best: learning_rate 0.0100, layers 2' in drawn
    assert "<script" not in drawn
