"""The summary of an evaluation on unseen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from components.evaluator import report as evaluation_report
from components.example_validator.constants import NOTABLE, TIMES_CHANCE
from pipeline import gates, summary
from pipeline.unseen.judgement import Judgement

if TYPE_CHECKING:
    from pipeline.node import NodeResult

DRIFT_ROWS = 10


def show(
    console: Console, results: Mapping[str, NodeResult], judgement: Judgement, about: str, seconds: float
) -> None:
    """Prints what was found.

    Args:
      console: where to.
      results: what the nodes ended with.
      judgement: of them.
      about: the model and the data.
      seconds: the time of the whole evaluation.
    """
    console.print()
    console.print(f"evaluated  {about}", markup=False)
    console.print(f"examples   {judgement.examples:,}")
    for line in summary.warnings(results["ExampleGen"].outputs["examples"][0]):
        console.print(f"           {line}", markup=False)
    console.print(f"anomalies  {len(judgement.anomalies) or 'none'}")
    for line in judgement.anomalies:
        console.print(f"           {line}", markup=False)
    _drift(console, judgement.drift)
    if "Evaluator" in results:
        (evaluation,) = results["Evaluator"].outputs["evaluation"]
        console.print(summary.metrics(gates.verdict(evaluation)))
        mistakes = evaluation_report.mistakes(Path(evaluation.uri))
        if mistakes:
            console.print(f"mistakes   {mistakes}", markup=False)
        console.print(f"details    {evaluation.uri}/verdict.json", markup=False)
    console.print(f"verdict    {'all bounds hold' if not judgement.reasons else 'AGAINST IT'}")
    for line in judgement.reasons:
        console.print(f"           {line}", markup=False)
    cached = [node_id for node_id, result in results.items() if result.state == "cached"]
    console.print(f"time       {seconds:.1f} s; cached: {', '.join(cached) or 'nothing'}")


def _drift(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        console.print("drift      not measured: the statistics of the training are gone")
        return
    drifted = sum(row["drifted"] for row in rows)
    unbounded = ""
    if any(row["bound"] is None for row in rows):
        unbounded = f"; where no bound is set: moved more than {NOTABLE:g}, and {TIMES_CHANCE:g} times as much as by chance"
    console.print(f"drift      {drifted} of {len(rows)} columns{unbounded}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("column", no_wrap=True)
    for name in ("divergence", "bound", "moved", "by chance"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows[:DRIFT_ROWS]:
        table.add_row(
            row["column"],
            f"{row['divergence']:.4f}",
            "" if row["bound"] is None else f"{row['bound']:g}",
            f"{row['moved']:.4f}",
            "" if row["by_chance"] is None else f"{row['by_chance']:.4f}",
            "DRIFTED" if row["drifted"] else "",
            style="red" if row["drifted"] else None,
        )
    if len(rows) > DRIFT_ROWS:
        table.add_row(f"... and {len(rows) - DRIFT_ROWS} more")
    console.print(table)
