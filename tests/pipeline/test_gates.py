"""The gates read artifacts and end the run in one line that names what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from tensorflow_metadata.proto.v0 import anomalies_pb2

from common.errors import GateFailed
from pipeline import gates


def anomalies_artifact(folder: Path, **splits: dict[str, list[tuple[str, str]]]) -> pb.Artifact:
    for split, features in splits.items():
        found = anomalies_pb2.Anomalies()
        for feature, reasons in features.items():
            for short, long in reasons:
                found.anomaly_info[feature].reason.add(short_description=short, description=long)
        file = folder / f"Split-{split}" / "SchemaDiff.pb"
        file.parent.mkdir(parents=True)
        file.write_bytes(found.SerializeToString())
    return pb.Artifact(uri=str(folder))


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "slice": "overall",
        "output": "",
        "metric": "accuracy",
        "value": 0.91234,
        "lower": 0.95,
        "upper": None,
        "change": None,
        "baseline": None,
        "ok": False,
        "examples": 68,
    }
    return {**base, **changes}


def model(
    folder: Path, blessed: int | None, *rows: dict[str, Any], missing_slices: tuple[str, ...] = ()
) -> dict[str, list[pb.Artifact]]:
    verdict = {
        "blessed": bool(blessed),
        "metrics": rows,
        "missing_slices": missing_slices,
        "missing_thresholds": False,
    }
    (folder / "verdict.json").write_text(json.dumps(verdict))
    blessing = pb.Artifact()
    if blessed is not None:
        blessing.custom_properties["blessed"].int_value = blessed
    return {"blessing": [blessing], "evaluation": [pb.Artifact(uri=str(folder))]}


def said(node_id: str, outputs: dict[str, list[pb.Artifact]]) -> str:
    with pytest.raises(GateFailed) as caught:
        gates.check(node_id, outputs)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_good_data_passes(tmp_path: Path) -> None:
    artifact = anomalies_artifact(tmp_path, train={}, eval={})
    gates.check("ExampleValidator", {"anomalies": [artifact]})
    assert gates.anomalies(artifact) == []


def test_the_first_anomaly_is_told_and_all_are_counted(tmp_path: Path) -> None:
    artifact = anomalies_artifact(
        tmp_path,
        train={"size": [("Column dropped", "Column is completely missing")]},
        eval={"color": [("Unexpected string values", "Examples contain green (1%)."), ("B", "b")]},
    )
    assert gates.anomalies(artifact) == [
        "eval: color: Unexpected string values: Examples contain green (1%).",
        "eval: color: B: b",
        "train: size: Column dropped: Column is completely missing",
    ]
    assert said("ExampleValidator", {"anomalies": [artifact]}) == (
        "data gate: eval: color: Unexpected string values: Examples contain green (1%). (and 2 more);"
        f" all anomalies are in {tmp_path}"
    )


def test_an_anomaly_of_the_whole_data_set(tmp_path: Path) -> None:
    found = anomalies_pb2.Anomalies()
    found.dataset_anomaly_info.reason.add(
        short_description="Low num examples in dataset.", description="fewer than 10"
    )
    file = tmp_path / "Split-train" / "SchemaDiff.pb"
    file.parent.mkdir()
    file.write_bytes(found.SerializeToString())
    assert "train: Low num examples in dataset." in said(
        "ExampleValidator", {"anomalies": [pb.Artifact(uri=str(tmp_path))]}
    )


def test_a_blessed_model_passes(tmp_path: Path) -> None:
    outputs = model(tmp_path, 1, row(ok=True))
    gates.check("Evaluator", outputs)
    outputs["blessing"][0].custom_properties["blessed"].int_value = 0
    assert "not blessed, nothing pushed" in said("Evaluator", outputs)


def test_every_bound_that_failed_is_told(tmp_path: Path) -> None:
    outputs = model(
        tmp_path,
        0,
        row(),
        row(metric="auc", ok=True),
        row(slice="island=Biscoe", metric="loss", value=1.5, lower=None, upper=0.5),
        row(metric="rmse", output="fat", value=None, lower=None, change=0.1, baseline=0.25),
    )
    assert said("Evaluator", outputs) == (
        "model gate: not blessed, nothing pushed: accuracy 0.9123 on overall (at least 0.95);"
        " loss 1.5 on island=Biscoe (at most 0.5);"
        " fat rmse not a number on overall (last blessed 0.25, at most 0.1 worse)"
    )


@pytest.mark.parametrize("blessed", [0, None])
def test_without_a_verdict_nothing_passes(blessed: int | None, tmp_path: Path) -> None:
    assert said("Evaluator", model(tmp_path, blessed)) == (
        "model gate: not blessed, nothing pushed: no verdict was reached"
    )


def test_a_required_slice_without_examples(tmp_path: Path) -> None:
    outputs = model(tmp_path, 0, row(ok=True), missing_slices=("island=Dream",))
    assert said("Evaluator", outputs).endswith("no examples in the required slice island=Dream")


def infra_blessing(folder: Path, blessed: int, **report: Any) -> dict[str, list[pb.Artifact]]:
    if report:
        (folder / "serving_check.json").write_text(json.dumps(report))
    blessing = pb.Artifact(uri=str(folder))
    blessing.custom_properties["blessed"].int_value = blessed
    return {"blessing": [blessing]}


def test_a_model_that_is_not_served_as_it_should_be(tmp_path: Path) -> None:
    failure = "serving_default over gRPC: output probability is 0.75, the model's own is 0.5 (row 3)"
    outputs = infra_blessing(tmp_path, 0, failures=[failure])
    assert said("ServingCheck", outputs) == (
        f"serving gate: nothing pushed: {failure}; all figures are in {tmp_path}/serving_check.json"
    )
    outputs = infra_blessing(tmp_path, 0, failures=[failure, "a", "b"])
    assert f"{failure} (and 2 more); all figures" in said("ServingCheck", outputs)
    gates.check("ServingCheck", infra_blessing(tmp_path, 1))


def test_a_model_that_tfx_s_infra_validator_refused(tmp_path: Path) -> None:
    assert said("ServingCheck", infra_blessing(tmp_path, 0)) == (
        "serving gate: nothing pushed: TFX's InfraValidator did not bless the model; see the log"
    )


@pytest.mark.parametrize("node_id", ["ExampleGen", "Trainer", "Pusher", "latest_blessed_model"])
def test_other_nodes_have_no_gate(node_id: str, tmp_path: Path) -> None:
    refused = model(tmp_path, 0, row(ok=False))
    gates.check(node_id, refused)
    assert "not blessed" in said("Evaluator", refused)


def texts(folder: Path, words: float) -> dict[str, list[pb.Artifact]]:
    unknown = {"eval": {"words": words, "examples": ["zyx"]}}
    report = {"max_oov": 0.1, "columns": {"review": {"out_of_vocabulary": unknown}}}
    (folder / "text_report.json").write_text(json.dumps(report))
    return {"examples": [pb.Artifact(uri=str(folder))]}


def test_texts_with_too_many_new_words_do_not_pass(tmp_path: Path) -> None:
    gates.check("ExampleGen", texts(tmp_path, 0.1))
    assert said("ExampleGen", texts(tmp_path, 0.123)) == (
        "data gate: 12.3% of the words of review in eval are not in train, data.max_oov is 10.0%; for example 'zyx'; all"
        f" figures are in {tmp_path}/text_report.json"
    )


def test_examples_that_are_no_texts_pass(tmp_path: Path) -> None:
    examples = texts(tmp_path, 0.123)
    assert "12.3% of the words" in said("ExampleGen", examples)
    (tmp_path / "text_report.json").unlink()
    gates.check("ExampleGen", examples)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (0.1, None),
        (
            -0.3,
            "attribution gate: nothing pushed: fare has 20.0% of the attributions by permutation, the last blessed model"
            " 50.0% (attributions.drift: 0.2)",
        ),
    ],
)
def test_features_that_count_otherwise_than_in_the_last_blessed_model(
    change: float, line: str | None, tmp_path: Path
) -> None:
    rows = [{"output": "", "feature": "fare", "share": 0.5 + change, "former": 0.5, "change": change}]
    found = {"max_drift": 0.2, "drift": {"method": "permutation", "rows": rows}}
    (tmp_path / "attributions.json").write_text(json.dumps(found))
    outputs = {"attributions": [pb.Artifact(uri=str(tmp_path))]}
    if line is None:
        gates.check("Attributions", outputs)
        return
    with pytest.raises(GateFailed) as failed:
        gates.check("Attributions", outputs)
    assert str(failed.value) == f"{line}; all figures are in {tmp_path}/attributions.json"
