from __future__ import annotations

from typing import Any

import pytest

from pipeline.loop import rule
from pipeline.sections import Config
from pipeline.unseen.judgement import Judgement


def config(retrain: Any, task: str = "binary") -> Config:
    metric = "auc" if task == "binary" else "rmse"
    return Config.model_validate(
        {
            "name": "toy",
            "task": task,
            "label": "y",
            "data": {"path": "span-{SPAN}.csv"},
            "trainer": {"module": "trainer_modules.tabular"},
            "evaluation": {"gates": [{"metric": metric, "lower": 0.5}]},
            "loop": {"retrain": retrain},
        }
    )


def judgement(metric: str = "auc", value: float | None = 0.9, was: float | None = 0.95, **drift: bool) -> Any:
    rows = [{"column": name, "drifted": drifted} for name, drifted in drift.items()]
    metrics = [{"metric": metric, "output": "", "value": value, "baseline": was, "ok": True}]
    return Judgement(100, [], [], rows, metrics, [])


def falls(by: float, metric: str = "auc") -> dict[str, Any]:
    return {"when_metric_falls": {"metric": metric, "by": by}}


@pytest.mark.parametrize(
    ("retrain", "found", "answer"),
    [
        ("always", judgement(), (True, "retrain: always")),
        ("never", judgement(fare=True), (False, "retrain: never")),
        ("when_drift", judgement(fare=True, tips=False), (True, "fare drifted")),
        ("when_drift", judgement(fare=False), (False, "nothing drifted")),
        ("when_drift", judgement(a=True, b=True, c=True, d=True), (True, "a, b, c and 1 more drifted")),
        (falls(0.04), judgement(), (True, "auc went from 0.95 to 0.9, more than 0.04 worse")),
        (falls(0.06), judgement(), (False, "auc 0.9, was 0.95")),
        (falls(0.06), judgement(value=None), (True, "auc is not a number")),
        (falls(0.06), judgement(was=None), (False, "auc 0.9, with nothing to compare with")),
    ],
)
def test_rules(retrain: Any, found: Judgement, answer: tuple[bool, str]) -> None:
    assert rule.decide(config(retrain), found, kept=0) == answer


@pytest.mark.parametrize(("value", "trains"), [(1.2, True), (0.8, False)])
def test_where_lower_is_better_a_rise_is_a_fall(value: float, trains: bool) -> None:
    found = judgement("rmse", value=value, was=1.0)
    assert rule.decide(config(falls(0.1, "rmse"), "regression"), found, kept=0)[0] is trains


@pytest.mark.parametrize(("kept", "trains"), [(0, False), (1, False), (2, True)])
def test_every_third_span(kept: int, trains: bool) -> None:
    assert rule.decide(config({"every": 3}), judgement(), kept) == (trains, f"{kept + 1} of 3 spans")
