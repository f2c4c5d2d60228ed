"""What a run ends with: examples, anomalies, metrics against their bounds, verdicts, where the model is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_metadata.proto import metadata_store_pb2 as pb
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.attributions import report as attributions_report
from components.evaluator import report as evaluation_report
from components.image_example_gen.constants import WARNINGS
from components.model_optimizer import report as edge_report
from components.serving_check import report as serving_report
from pipeline import gates

if TYPE_CHECKING:
    from pipeline.node import NodeResult

SLICE_ROWS = 30


def show(
    console: Console, results: Mapping[str, NodeResult], seconds: float, serving_checked: bool = True
) -> None:
    """Prints the summary of the nodes that ended, by node id.

    Args:
      console: where to.
      results: what the nodes ended with.
      seconds: the time of the whole run.
      serving_checked: whether the pipeline has a ServingCheck.
    """
    console.print()
    if "StatisticsGen" in results:
        console.print(f"examples   {counts(results['StatisticsGen'].outputs['statistics'][0])}")
    if "ExampleGen" in results:
        for line in warnings(results["ExampleGen"].outputs["examples"][0]):
            console.print(f"           {line}", markup=False)
    if "ExampleValidator" in results:
        lines = gates.anomalies(results["ExampleValidator"].outputs["anomalies"][0])
        console.print(f"anomalies  {len(lines) or 'none'}")
        for line in lines:
            console.print(f"           {line}", markup=False)
    if "Tuner" in results:
        console.print(_trials(results["Tuner"].outputs["tuner_results"][0]))
    if "Evaluator" in results:
        (evaluation,) = results["Evaluator"].outputs["evaluation"]
        verdict = gates.verdict(evaluation)
        console.print(metrics(verdict))
        if verdict.get("baseline_left_out"):
            console.print(
                f"           not compared with the last blessed model: {verdict['baseline_left_out']}"
            )
        mistakes = evaluation_report.mistakes(Path(evaluation.uri))
        if mistakes:
            console.print(f"mistakes   {mistakes}", markup=False)
        console.print(f"details    {evaluation.uri}/verdict.json", markup=False)
        console.print(f"verdict    {'blessed' if verdict['blessed'] else 'NOT blessed'}")
    if "Attributions" in results:
        (attributions,) = results["Attributions"].outputs["attributions"]
        found = attributions_report.summary(attributions_report.read(Path(attributions.uri)))
        console.print(f"features   {found}", markup=False)
    if "ServingCheck" in results:
        (blessing,) = results["ServingCheck"].outputs["blessing"]
        console.print(f"serving    {_served(blessing)}", markup=False)
    elif "Pusher" in results and not serving_checked:
        console.print("serving    not checked (serving_check.enabled is false)")
    if "ModelOptimizer" in results:
        _show_edge(console, results["ModelOptimizer"].outputs["edge_model"][0])
    if "Pusher" in results:
        (pushed,) = results["Pusher"].outputs["pushed_model"]
        console.print(f"pushed     {pushed_destination(pushed) or 'no'}", markup=False)
    cached = [node_id for node_id, result in results.items() if result.state == "cached"]
    console.print(f"time       {seconds:.1f} s; cached: {', '.join(cached) or 'nothing'}")


def pushed_destination(artifact: pb.Artifact) -> str | None:
    """The folder of the pushed version of a PushedModel artifact; None when it was not pushed."""
    properties = artifact.custom_properties
    if "pushed" not in properties or properties["pushed"].int_value != 1:
        return None
    return properties["pushed_destination"].string_value


def _served(blessing: pb.Artifact) -> str:
    """The figures of a ServingCheck; TFX's InfraValidator leaves none."""
    report = serving_report.read(Path(blessing.uri))
    if report is not None:
        return serving_report.summary(report)
    return f"{'passed' if gates.is_blessed(blessing) else 'FAILED'} TFX's InfraValidator"


def _show_edge(console: Console, edge_model: pb.Artifact) -> None:
    """What a ModelOptimizer made: a row per form, and why a form is not pushed."""
    report = edge_report.read(Path(edge_model.uri))
    if report["original"] is not None:
        console.print(edge_report.table(report))
    console.print(f"edge       {edge_report.summary(report)} kept", markup=False)
    for line in edge_report.left_out(report):
        console.print(f"           {line}", markup=False)


def counts(statistics: pb.Artifact) -> str:
    """The examples of each split."""
    parts = []
    for file in sorted(Path(statistics.uri).glob("Split-*/FeatureStats.pb")):
        proto = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        parts.append((file.parent.name.removeprefix("Split-"), proto.datasets[0].num_examples))
    order = {"train": 0, "valid": 1, "eval": 2}
    return ", ".join(f"{split} {count:,}" for split, count in sorted(parts, key=lambda p: order.get(p[0], 3)))


def warnings(examples: pb.Artifact) -> list[str]:
    """What the ExampleGen of images found that people should know."""
    properties = examples.custom_properties
    return list(json.loads(properties[WARNINGS].string_value)) if WARNINGS in properties else []


def _trials(artifact: pb.Artifact) -> Table:
    """The Tuner's trials, the best first; `score` is the objective on the valid split."""
    trials = json.loads(Path(artifact.uri, "tuner_results.json").read_text())
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    names = list(dict.fromkeys(name for trial in trials for name in trial))
    for name in names:
        table.add_column(name, justify="right")
    for trial in trials:
        values = (trial.get(name, "") for name in names)
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in values))
    return table


def metrics(verdict: Mapping[str, Any]) -> Table:
    """Every overall metric; of slices and classes the metrics of the gates, failures first, then what has a bound."""
    overall = [row for row in verdict["metrics"] if row["slice"] == "overall"]
    gated = {(row["output"], row["metric"]) for row in overall if row["ok"] is not None}
    slices = [
        row
        for row in verdict["metrics"]
        if row["slice"] != "overall" and (row["output"], row["metric"]) in gated
    ]
    slices.sort(key=lambda row: (row["ok"] is not False, row["ok"] is None))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("slice", "metric"):
        table.add_column(column, no_wrap=True)
    for column in ("value", "bounds", verdict.get("baseline_is", "last blessed"), "examples"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for row in [*overall, *slices[:SLICE_ROWS]]:
        table.add_row(
            escape(row["slice"]),
            escape(f"{row['output']} {row['metric']}".strip()),
            "not a number" if row["value"] is None else f"{row['value']:.4f}",
            _bounds(row),
            "" if row["baseline"] is None else f"{row['baseline']:.4f}",
            "" if row["examples"] is None else f"{row['examples']:,}",
            {True: "ok", False: "FAILED", None: ""}[row["ok"]],
            style="red" if row["ok"] is False else None,
        )
    if len(slices) > SLICE_ROWS:
        table.add_row(f"... and {len(slices) - SLICE_ROWS} more")
    return table


def _bounds(row: Mapping[str, Any]) -> str:
    parts = gates.limits(row, ">=", "<=")
    if row["change"] is not None:
        parts.append(f"at most {abs(row['change']):g} worse")
    return ", ".join(parts)
