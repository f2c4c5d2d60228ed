"""`mlpipe describe` draws the DAG that would run."""

from __future__ import annotations

import re
from pathlib import Path

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


def test_what_stands_in_brackets_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (config.CATALOG / "penguin.yaml").read_text(encoding="utf-8")
    described = re.sub(r"^description: .*$", "description: 'Species [red] of :penguin:'", text, flags=re.M)
    (tmp_path / "penguin.yaml").write_text(described, encoding="utf-8")
    monkeypatch.setattr(config, "CATALOG", tmp_path)
    show_catalog.show_list()
    assert "Species [red] of :penguin:" in capsys.readouterr().out
