from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli, compare, runs
from pipeline.home import Home
from tests.pipeline.records import Recorder

PIPELINE = "penguin"


def compared(recorder: Recorder, before: str, after: str) -> dict[str, Any]:
    pair = [runs.get_run(recorder.store, PIPELINE, selector) for selector in (before, after)]
    return json.loads(json.dumps(compare.compare(recorder.store, *pair)))


def changes(part: dict[str, Any]) -> dict[tuple[str, ...], tuple[Any, Any]]:
    return {tuple(c["key"]): (c.get("before"), c.get("after")) for c in part["changed"]}


def test_a_run_that_was_cached_is_the_same(past: Recorder) -> None:
    found = compared(past, "20261123-01", "20261123-02")
    for part in ("outcome", "config", "code", "versions", "files", "statistics", "metrics"):
        assert found[part]["changed"] == []
        assert found[part]["same"] > 0
    assert found["missing"] == []


def test_other_hyperparameters_change_config_and_metrics_alone(past: Recorder) -> None:
    found = compared(past, "v1", "v2")
    assert changes(found["config"]) == {("trainer", "training", "learning_rate"): (0.01, 0.1)}
    assert changes(found["metrics"]) == {("overall", "", "accuracy"): (0.97, 0.98)}
    assert found["metrics"]["same"] == 1
    assert found["statistics"]["changed"] == found["files"]["changed"] == found["code"]["changed"] == []


def test_a_failed_gate_is_told(past: Recorder) -> None:
    found = compared(past, "20261123-03", "20261123-04")
    assert changes(found["outcome"]) == {
        ("state",): ("succeeded", "gate_failed"),
        ("verdict",): ("blessed", "not blessed"),
    }
    [change] = found["metrics"]["changed"]
    assert (change["after"], change["before_ok"], change["after_ok"]) == (0.5, True, False)


def test_other_data_and_code(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1", rows=100, mean=40.0, code="aaa")
    recorder.run("r2", rows=200, mean=41.5, code="bbb", file="more.csv")
    found = compared(recorder, "r1", "r2")
    assert changes(found["code"]) == {("trainer_modules.tabular",): ("aaa", "bbb")}
    assert found["code"]["same"] == 1
    files = changes(found["files"])
    assert files[("all", "more.csv")][0] is None
    assert files[("all", "penguins.csv")][1] is None
    statistics = changes(found["statistics"])
    assert statistics[("train", "", "examples")] == (70, 140)
    assert statistics[("train", "bill_length_mm", "mean")] == (40.0, 41.5)
    assert statistics[("train", "island", "top")] == (
        {"Biscoe": 35, "Dream": 23},
        {"Biscoe": 70, "Dream": 46},
    )
    assert ("train", "bill_length_mm", "std") not in statistics
    assert ("train", "bill_length_mm", "missing") not in statistics


def test_what_a_run_did_not_reach_is_said(past: Recorder) -> None:
    found = compared(past, "20261123-03", "20261124-05")
    assert found["metrics"] is None
    assert found["missing"] == ["metrics of 20261124-050000: Evaluator was not reached"]
    assert found["statistics"]["changed"]


def test_deleted_statistics_are_said(recorder: Recorder) -> None:
    shutil.rmtree(recorder.home.pipeline_root(PIPELINE) / "StatisticsGen")
    found = compared(recorder, "v1", "v2")
    assert found["statistics"] is None
    assert found["missing"] == [
        "statistics of 20261123-010000: its folder is missing",
        "statistics of 20261123-030000: its folder is missing",
    ]


def test_flat_keys() -> None:
    nested = {"a": {"b": 1, "c": []}, "gates": [{"lower": 0.9}], "layers": [16, 8], "d": {}}
    assert compare.flat(nested) == {
        ("a", "b"): 1,
        ("a", "c"): [],
        ("gates", "0", "lower"): 0.9,
        ("layers",): [16, 8],
        ("d",): {},
    }


def test_the_table(past: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cli.compare("20261123-03", "20261123-04", None, False, past.home.root)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "penguin: from run 20261123-030000 to run 20261123-040000"
    assert "outcome verdict blessed not blessed" in lines
    assert "config trainer.training.learning_rate 0.1 9" in lines
    assert "metrics overall accuracy 0.98 0.5 FAILED" in lines
    assert lines[-1] == "the same: config 7, code 2, versions 2, files 1, statistics 27, metrics 1"


def test_as_json(past: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cli.compare("v1", "v2", None, True, past.home.root)
    assert json.loads(capsys.readouterr().out)["after"] == "20261123-030000"
