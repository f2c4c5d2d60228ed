"""`mlpipe describe` draws the DAG that would run."""

from __future__ import annotations

import pytest

from pipeline import config, show_catalog

BEFORE = "ExampleGen -> StatisticsGen -> SchemaGen -> ExampleValidator [gate] -> Transform -> "


@pytest.mark.parametrize(
    ("overrides", "after"),
    [
        ([], "Trainer -> Evaluator [gate] -> ServingCheck [gate] -> Pusher"),
        (["serving_check.enabled=false"], "Trainer -> Evaluator [gate] -> Pusher"),
        (
            ["serving_check.with=infra_validator"],
            "Trainer -> Evaluator [gate] -> ServingCheck (InfraValidator) [gate] -> Pusher",
        ),
        (
            ["trainer.tuning.trials=2"],
            "Tuner -> Trainer -> Evaluator [gate] -> ServingCheck [gate] -> Pusher",
        ),
    ],
)
def test_the_nodes_in_their_order(
    overrides: list[str], after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_catalog.show_pipeline(config.load("penguin", overrides))
    assert capsys.readouterr().out.splitlines()[0] == BEFORE + after


def test_what_is_shown_can_be_run_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_catalog.show_pipeline(config.load("penguin", ["serving_check.max_p99_ms=20"]))
    shown = capsys.readouterr().out
    assert "serving_check:\n  enabled: true\n  with: embedded\n" in shown
    assert "  max_p99_ms: 20.0\n" in shown
