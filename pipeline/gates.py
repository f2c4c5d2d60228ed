"""The gates: data with an anomaly, and models without a blessing or that are not served well, end the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb
from tensorflow_metadata.proto.v0 import anomalies_pb2

from common.errors import GateFailed
from components.attributions import report as attributions_report
from components.attributions.constants import REPORT as ATTRIBUTIONS_REPORT
from components.model_optimizer import report as edge_report
from components.model_optimizer.constants import REPORT as EDGE_REPORT
from components.serving_check import report as serving_report
from components.serving_check.constants import REPORT
from components.text_example_gen import report as text_report
from pipeline.copies import Copies

# What drift and skew beyond a bound are called.
_DRIFT = {
    anomalies_pb2.AnomalyInfo.COMPARATOR_CONTROL_DATA_MISSING,
    anomalies_pb2.AnomalyInfo.COMPARATOR_TREATMENT_DATA_MISSING,
    anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
    anomalies_pb2.AnomalyInfo.COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH,
    anomalies_pb2.AnomalyInfo.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
}

Outputs = Mapping[str, list[pb.Artifact]]

# Output key -> the files that are read of it; None: all.
_READ: dict[str, Sequence[str] | None] = {
    "examples": (text_report.REPORT,),
    "statistics": None,
    "anomalies": None,
    "evaluation": None,
    "attributions": None,
    "blessing": (REPORT,),
    "edge_model": (EDGE_REPORT,),
    "tuner_results": None,
}


def readable(outputs: Outputs, copies: Copies) -> dict[str, list[pb.Artifact]]:
    """The outputs of a node with what gates and summaries read on this machine: big artifacts stay where they are."""
    return {key: copies.read(found, _READ.get(key, ())) for key, found in outputs.items()}


def check(node_id: str, outputs: Outputs) -> None:
    """Applies the gate of a node to its output artifacts; most nodes have none.

    Raises:
      GateFailed: texts of eval with too many words that are new, an anomaly in the data, a model that was not blessed, one
        whose answers come from other features than those of the last blessed one, one that is not served as it should be, or a
        TensorFlow Lite form that lost too much where `optimizer.gate` is `fail`.
    """
    if node_id == "ExampleGen":
        _texts(outputs)
    elif node_id == "ExampleValidator":
        _data(outputs)
    elif node_id == "Evaluator":
        _model(outputs)
    elif node_id == "Attributions":
        _attributions(outputs)
    elif node_id == "ServingCheck":
        _serving(outputs)
    elif node_id == "ModelOptimizer":
        _edge(outputs)


def anomalies(artifact: pb.Artifact, drift: bool = True) -> list[str]:
    """One line for each anomaly: split, feature, rule; without `drift` those of the schema alone."""
    lines = []
    for file in sorted(Path(artifact.uri).glob("Split-*/SchemaDiff.pb")):
        split = file.parent.name.removeprefix("Split-")
        found = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        for feature, info in sorted(found.anomaly_info.items()):
            lines += [
                f"{split}: {feature}: {reason.short_description}: {reason.description}"
                for reason in info.reason
                if drift or reason.type not in _DRIFT
            ]
        if found.HasField("dataset_anomaly_info"):
            lines += [f"{split}: {reason.short_description}" for reason in found.dataset_anomaly_info.reason]
    return lines


def verdict(artifact: pb.Artifact) -> dict[str, Any]:
    """The Evaluator's verdict of a ModelEvaluation artifact (see components/evaluator/verdict.py)."""
    return json.loads(Path(artifact.uri, "verdict.json").read_text())


def _texts(outputs: Outputs) -> None:
    for artifact in outputs.get("examples", []):
        report = text_report.read(Path(artifact.uri))
        failure = text_report.gate_failure(report) if report else None
        if failure:
            raise GateFailed(f"data gate: {failure}; all figures are in {artifact.uri}/{text_report.REPORT}")


def _data(outputs: Outputs) -> None:
    (artifact,) = outputs["anomalies"]
    lines = anomalies(artifact)
    if lines:
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise GateFailed(f"data gate: {lines[0]}{more}; all anomalies are in {artifact.uri}")


def _model(outputs: Outputs) -> None:
    (blessing,) = outputs["blessing"]
    if is_blessed(blessing):
        return
    (evaluation,) = outputs["evaluation"]
    result = verdict(evaluation)
    failed = [describe(row) for row in result["metrics"] if row["ok"] is False]
    if not failed:
        failed = [f"no examples in the required slice {name}" for name in result["missing_slices"]]
    raise GateFailed(
        f"model gate: not blessed, nothing pushed: {'; '.join(failed) or 'no verdict was reached'}"
    )


def _attributions(outputs: Outputs) -> None:
    (artifact,) = outputs["attributions"]
    failure = attributions_report.gate_failure(attributions_report.read(Path(artifact.uri)))
    if failure:
        raise GateFailed(
            f"attribution gate: nothing pushed: {failure}; all figures are in {artifact.uri}/{ATTRIBUTIONS_REPORT}"
        )


def _serving(outputs: Outputs) -> None:
    (blessing,) = outputs["blessing"]
    if is_blessed(blessing):
        return
    report = serving_report.read(Path(blessing.uri))
    if report is None:
        raise GateFailed(
            "serving gate: nothing pushed: TFX's InfraValidator did not bless the model; see the log"
        )
    raise GateFailed(
        f"serving gate: nothing pushed: {serving_report.short(report['failures'])};"
        f" all figures are in {blessing.uri}/{REPORT}"
    )


def _edge(outputs: Outputs) -> None:
    (artifact,) = outputs["edge_model"]
    failure = edge_report.gate_failure(edge_report.read(Path(artifact.uri)))
    if failure:
        raise GateFailed(
            f"edge gate: nothing pushed: {failure}; all figures are in {artifact.uri}/{EDGE_REPORT}"
        )


def is_blessed(blessing: pb.Artifact) -> bool:
    """Whether a ModelBlessing or an InfraBlessing is one."""
    return "blessed" in blessing.custom_properties and blessing.custom_properties["blessed"].int_value == 1


def limits(row: Mapping[str, Any], at_least: str, at_most: str) -> list[str]:
    """The lower and the upper bound of a metric, those that there are, after these words or signs."""
    found = ((at_least, row["lower"]), (at_most, row["upper"]))
    return [f"{words} {bound:g}" for words, bound in found if bound is not None]


def describe(row: Mapping[str, Any], baseline_is: str = "last blessed") -> str:
    """A metric of the verdict with its bounds: `accuracy 0.91 on island=Biscoe (at least 0.95)`."""
    bounds = limits(row, "at least", "at most")
    if row["change"] is not None and row["baseline"] is not None:
        bounds.append(f"{baseline_is} {row['baseline']:.4g}, at most {abs(row['change']):g} worse")
    value = "not a number" if row["value"] is None else f"{row['value']:.4g}"
    output = f"{row['output']} " if row["output"] else ""
    return f"{output}{row['metric']} {value} on {row['slice']} ({', '.join(bounds)})"
