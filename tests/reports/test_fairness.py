"""Rates of groups and the gaps between them, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from reports import fairness
from tests.reports.test_intervals import of


def groups(names: list[str]) -> dict[str, np.ndarray]:
    return {name: np.array([one == name for one in names]) for name in dict.fromkeys(names)}


def test_a_binary_model() -> None:
    """Group a: 30 of 40 positives found, 10 of 60 others taken for one; group b: 36 of 40, and 3 of 60."""
    rows = [("a", 1, 1)] * 30 + [("a", 1, 0)] * 10 + [("a", 0, 1)] * 10 + [("a", 0, 0)] * 50
    rows += [("b", 1, 1)] * 36 + [("b", 1, 0)] * 4 + [("b", 0, 1)] * 3 + [("b", 0, 0)] * 57
    answers = of(
        "binary",
        {
            "label.y": [y for _, y, _ in rows],
            "score.y": [0.9 if p else 0.1 for _, _, p in rows],
            "loss": [0.1] * 200,
        },
        ["y"],
    )
    found = fairness.of_column("group", groups([name for name, _, _ in rows]), answers)
    assert found is not None
    assert found.examples == {"a": 100, "b": 100}
    values = {measure: [rates[name].value for name in "ab"] for measure, rates in found.rates.items()}
    assert values == {
        "positive answers": [0.4, 0.39],
        "true positive rate": [0.75, 0.9],
        "false positive rate": [pytest.approx(1 / 6), 0.05],
    }
    gaps = {gap.measure: gap for gap in found.gaps}
    assert gaps["true positive rate"].value == pytest.approx(0.15)
    assert (gaps["true positive rate"].highest, gaps["true positive rate"].lowest) == ("b", "a")
    assert gaps["false positive rate"].is_certain
    assert not gaps["positive answers"].is_certain
    # Newcombe's method 10 for 36/40 against 30/40.
    low, high = gaps["true positive rate"].interval
    assert (low, high) == pytest.approx((-0.019, 0.312), abs=0.002)


def test_a_regression_has_mean_errors() -> None:
    true = np.zeros(200)
    predicted = np.concatenate([np.full(100, 0.5), np.full(100, -0.25)]) + np.tile([0.1, -0.1], 100)
    answers = of("regression", {"label.y": true, "prediction.y": predicted, "loss": np.abs(predicted)}, ["y"])
    found = fairness.of_column("half", groups(["first"] * 100 + ["second"] * 100), answers)
    assert found is not None
    (gap,) = (gap for gap in found.gaps if gap.measure == "mean error")
    assert gap.value == pytest.approx(0.75)
    assert (gap.highest, gap.is_certain) == ("first", True)
    assert found.rates["mean absolute error"]["second"].value == pytest.approx(0.25)


def test_classes_have_recalls() -> None:
    scores = np.tile([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], (50, 1))
    answers = of(
        "multiclass",
        {"label": ["x"] * 100, "scores": list(scores), "loss": [1.0] * 100},
        ["kind"],
        ["x", "y", "z"],
    )
    object.__setattr__(answers, "scores", scores)
    found = fairness.of_column("turn", groups(["even", "odd"] * 50), answers)
    assert found is not None
    assert {name: rate.value for name, rate in found.rates["recall of x"].items()} == {
        "even": 1.0,
        "odd": 0.0,
    }
    assert [gap.measure for gap in found.gaps] == ["accuracy", "recall of x"]


def test_small_groups_are_left_out() -> None:
    answers = of("binary", {"label.y": [1] * 30, "score.y": [0.9] * 30, "loss": [0.1] * 30}, ["y"])
    assert fairness.of_column("group", groups(["a"] * 25 + ["b"] * 5), answers) is None
