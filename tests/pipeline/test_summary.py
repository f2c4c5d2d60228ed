"""The summary shows the numbers of the artifacts, whatever the width of a pipe."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from rich.console import Console
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from pipeline import summary
from pipeline.node import NodeResult
from pipeline.progress import Progress


def row(slice_name: str = "overall", **changes: Any) -> dict[str, Any]:
    base = {
        "slice": slice_name,
        "output": "",
        "metric": "accuracy",
        "value": 0.97059,
        "lower": 0.95,
        "upper": None,
        "change": None,
        "baseline": None,
        "ok": True,
        "examples": 1068,
    }
    return {**base, **changes}


def artifact(folder: Path, **properties: Any) -> pb.Artifact:
    made = pb.Artifact(uri=str(folder))
    for name, value in properties.items():
        if isinstance(value, int):
            made.custom_properties[name].int_value = value
        else:
            made.custom_properties[name].string_value = value
    return made


def evaluated(folder: Path, *rows: dict[str, Any], blessed: bool = True) -> NodeResult:
    (folder / "verdict.json").write_text(json.dumps({"blessed": blessed, "metrics": rows}))
    return NodeResult("Evaluator", "complete", 1.0, {"evaluation": [artifact(folder)]})


def shown(*results: NodeResult, seconds: float = 31.4, serving_checked: bool = True) -> list[str]:
    stream = io.StringIO()
    by_node = {result.node_id: result for result in results}
    summary.show(Progress(stream).console, by_node, seconds, serving_checked)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_counts_in_the_order_of_their_use(tmp_path: Path) -> None:
    for split, count in (("eval", 68), ("train", 12400), ("valid", 36)):
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        statistics.datasets.add(num_examples=count)
        file = tmp_path / f"Split-{split}" / "FeatureStats.pb"
        file.parent.mkdir()
        file.write_bytes(statistics.SerializeToString())
    result = NodeResult("StatisticsGen", "cached", 0.1, {"statistics": [artifact(tmp_path)]})
    assert shown(result) == [
        "",
        "examples   train 12,400, valid 36, eval 68",
        "time       31.4 s; cached: StatisticsGen",
    ]


def test_warnings_of_images_are_listed(tmp_path: Path) -> None:
    images = artifact(tmp_path, warnings=json.dumps(["2 left out (skipped.csv)", "1 photo is [bold] turned"]))
    rows = artifact(tmp_path)
    assert shown(NodeResult("ExampleGen", "complete", 0.1, {"examples": [images]}), seconds=1)[1:] == [
        "           2 left out (skipped.csv)",
        "           1 photo is [bold] turned",
        "time       1.0 s; cached: nothing",
    ]
    assert len(shown(NodeResult("ExampleGen", "complete", 0.1, {"examples": [rows]}))) == 2


def test_anomalies_are_listed(tmp_path: Path) -> None:
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["color"].reason.add(short_description="New value", description="[green] is new")
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "SchemaDiff.pb").write_bytes(found.SerializeToString())
    result = NodeResult("ExampleValidator", "complete", 0.1, {"anomalies": [artifact(tmp_path)]})
    assert shown(result)[1:3] == ["anomalies  1", "           train: color: New value: [green] is new"]


def test_no_anomalies(tmp_path: Path) -> None:
    result = NodeResult("ExampleValidator", "complete", 0.1, {"anomalies": [artifact(tmp_path)]})
    assert shown(result)[1] == "anomalies  none"


def test_metrics_against_their_bounds(tmp_path: Path) -> None:
    result = evaluated(
        tmp_path,
        row(change=-0.03, baseline=0.98),
        row(metric="loss", value=None, lower=None, ok=None),
        row("island=Biscoe", ok=False, value=0.5, examples=9),
        row("island=Dream", ok=True),
        row("sex=male", lower=None, ok=None),
        blessed=False,
    )
    lines = [" ".join(line.split()) for line in shown(result)]
    assert lines[2:6] == [
        "overall accuracy 0.9706 >= 0.95, at most 0.03 worse 0.9800 1,068 ok",
        "overall loss not a number 1,068",
        "island=Biscoe accuracy 0.5000 >= 0.95 9 FAILED",
        "island=Dream accuracy 0.9706 >= 0.95 1,068 ok",
    ]
    assert lines[-2] == "verdict NOT blessed"


def test_the_mistakes_in_one_line(tmp_path: Path) -> None:
    confusion = {"classes": ["[red]coat", "shirt"], "counts": [[50, 7], [2, 40]], "unknown": [0, 0]}
    (tmp_path / "confusion.json").write_text(json.dumps(confusion))
    assert shown(evaluated(tmp_path, row()))[3] == (
        "mistakes   9 of 99 predictions are wrong; most often [red]coat is taken for shirt (7)"
    )


def test_what_has_a_bound_comes_before_what_has_none(tmp_path: Path) -> None:
    rows = [row("class coat", ok=None), row("city=Oslo"), row("class hat", ok=False)]
    lines = shown(evaluated(tmp_path, row(), *rows, blessed=False))
    assert [line.split("  ")[0] for line in lines[2:6]] == ["overall", "class hat", "city=Oslo", "class coat"]


def test_a_long_table_is_cut_with_a_word_and_failures_come_first(tmp_path: Path) -> None:
    rows = [row(f"city={i}", ok=i != 77) for i in range(100)]
    lines = shown(evaluated(tmp_path, row(), *rows))
    assert [line.split()[0] for line in lines[2:5]] == ["overall", "city=77", "city=0"]
    assert "... and 70 more" in lines


def test_slices_of_what_no_gate_asks_for_are_left_out(tmp_path: Path) -> None:
    lines = shown(evaluated(tmp_path, row(lower=None, ok=None), row("city=Oslo", lower=None, ok=None)))
    assert "overall" in lines[2]
    assert not [line for line in lines if "Oslo" in line]


def test_names_that_look_like_markup(tmp_path: Path) -> None:
    rows = [row(output="[red]"), row("city=[bold]Oslo[/x]", output="[red]")]
    assert shown(evaluated(tmp_path, *rows))[3].startswith("city=[bold]Oslo[/x]  [red] accuracy  0.9706")


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"lower": 0.5, "upper": 0.75}, ">= 0.5, <= 0.75"),
        ({"lower": None, "change": 0.1, "baseline": 0.2}, "at most 0.1 worse"),
        ({"lower": None, "change": -0.1, "baseline": 0.2}, "at most 0.1 worse"),
    ],
)
def test_bounds(bounds: dict[str, float | None], text: str, tmp_path: Path) -> None:
    assert f" {text} " in shown(evaluated(tmp_path, row(**bounds)))[2] + " "


def test_nothing_is_cut_in_a_pipe(tmp_path: Path) -> None:
    name = "payment_type=" + "x" * 80
    line = shown(evaluated(tmp_path, row(), row(name, change=-0.03, baseline=0.9, ok=False)))[3]
    assert line.startswith(f"{name}  accuracy  0.9706  >= 0.95, at most 0.03 worse")
    assert line.endswith("FAILED")


def test_how_the_model_was_served(tmp_path: Path) -> None:
    report = {
        "blessed": True,
        "failures": [],
        "signatures": {"serving_default": {}, "serving_examples": {}},
        "not_checked": {},
        "latency_ms": {"REST": {"p99": 3.1}, "gRPC": {"p99": 1.2}},
        "memory_mb": 411.6,
    }
    (tmp_path / "serving_check.json").write_text(json.dumps(report))
    result = NodeResult("ServingCheck", "complete", 6.0, {"blessing": [artifact(tmp_path, blessed=1)]})
    assert shown(result)[1] == "serving    passed: 2 signatures, REST and gRPC, p99 3.1 ms, 412 MB"
    report |= {"blessed": False, "failures": ["no signature [could] be checked"]}
    (tmp_path / "serving_check.json").write_text(json.dumps(report))
    assert shown(result)[1] == "serving    FAILED: no signature [could] be checked"


@pytest.mark.parametrize(("blessed", "word"), [(1, "passed"), (0, "FAILED")])
def test_tfx_s_infra_validator(blessed: int, word: str, tmp_path: Path) -> None:
    outputs = {"blessing": [artifact(tmp_path, blessed=blessed)]}
    result = NodeResult("ServingCheck", "complete", 6.0, outputs)
    assert shown(result)[1] == f"serving    {word} TFX's InfraValidator"


def test_a_model_that_nobody_served(tmp_path: Path) -> None:
    pushed = NodeResult("Pusher", "complete", 1, {"pushed_model": [artifact(tmp_path, pushed=0)]})
    assert shown(pushed, serving_checked=False)[1] == (
        "serving    not checked (serving_check.enabled is false)"
    )
    assert shown(pushed)[1] == "pushed     no"


def test_where_the_model_was_pushed(tmp_path: Path) -> None:
    pushed = artifact(tmp_path, pushed=1, pushed_destination="/srv/models/3")
    assert summary.pushed_destination(pushed) == "/srv/models/3"
    assert shown(NodeResult("Pusher", "complete", 1, {"pushed_model": [pushed]}))[1] == (
        "pushed     /srv/models/3"
    )
    for not_pushed in (artifact(tmp_path, pushed=0), artifact(tmp_path)):
        assert (
            shown(NodeResult("Pusher", "complete", 1, {"pushed_model": [not_pushed]}))[1] == "pushed     no"
        )


def test_trials_of_the_tuner(tmp_path: Path) -> None:
    trials = [{"learning_rate": 0.0123456, "units": 8, "score": 0.25}, {"learning_rate": 0.1, "score": 0.5}]
    (tmp_path / "tuner_results.json").write_text(json.dumps(trials))
    lines = shown(NodeResult("Tuner", "complete", 1, {"tuner_results": [artifact(tmp_path)]}))
    assert [line.split() for line in lines[1:4]] == [
        ["learning_rate", "units", "score"],
        ["0.01235", "8", "0.25"],
        ["0.1", "0.5"],
    ]


def test_an_empty_run_has_a_summary() -> None:
    stream = io.StringIO()
    summary.show(Console(file=stream), {}, 2.0)
    assert stream.getvalue() == "\ntime       2.0 s; cached: nothing\n"
