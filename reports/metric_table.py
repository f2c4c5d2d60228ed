"""Metrics by slice, out of the verdict, with what they were of the last blessed model and how certain they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluator import slice_names
from pipeline.task_metrics import METRICS
from reports import intervals
from reports.intervals import Interval
from reports.predictions import Predictions

OVERALL = "overall"


@dataclass(frozen=True)
class Cell:
    """A metric of a slice: value and last blessed value are None where they are no number.

    is_better: whether the difference to the last blessed model is for the better; None without one. ok: of its bounds.
    """

    value: float | None
    interval: Interval | None
    former: float | None
    is_better: bool | None
    ok: bool | None

    @property
    def change(self) -> float | None:
        return None if self.value is None or self.former is None else self.value - self.former


@dataclass(frozen=True)
class Row:
    """A slice with its metrics, None where it has not that one."""

    name: str
    examples: int | None
    cells: list[Cell | None]


@dataclass(frozen=True)
class Table:
    """The slices of an output by its metrics."""

    output: str
    metrics: list[str]
    rows: list[Row]


def slices_of(
    predictions: Predictions, columns: Sequence[Sequence[str]], buckets: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The rows of each configured slice by its name in the verdict, bool [N]."""
    found: dict[str, np.ndarray] = {}
    for by in columns:
        found |= slice_names.of_columns(predictions.raw, by, buckets)
    return found


def tables(
    verdict: Mapping[str, Any], task: str, predictions: Predictions | None, slices: Mapping[str, np.ndarray]
) -> list[Table]:
    """A table for each output.

    Args:
      verdict: of the Evaluator.
      task: says whether higher values are better.
      predictions: for the intervals; without them there are none.
      slices: as `slices_of` gives them.
    """
    outputs = list(dict.fromkeys(row["output"] for row in verdict["metrics"]))
    return [_table(verdict, task, output, predictions, slices) for output in outputs]


def _table(
    verdict: Mapping[str, Any],
    task: str,
    output: str,
    predictions: Predictions | None,
    slices: Mapping[str, np.ndarray],
) -> Table:
    found = [row for row in verdict["metrics"] if row["output"] == output]
    metrics = list(dict.fromkeys(row["metric"] for row in found))
    by_slice: dict[str, dict[str, Any]] = {}
    for row in found:
        by_slice.setdefault(row["slice"], {})[row["metric"]] = row
    rows = []
    for name, of_slice in by_slice.items():
        cells = [
            _cell(of_slice[metric], task, predictions, slices) if metric in of_slice else None
            for metric in metrics
        ]
        rows.append(Row(name, next(iter(of_slice.values()))["examples"], cells))
    return Table(output, metrics, rows)


def _cell(
    row: Mapping[str, Any], task: str, predictions: Predictions | None, slices: Mapping[str, np.ndarray]
) -> Cell:
    value, former = row["value"], row["baseline"]
    better = None
    if value is not None and former is not None and value != former:
        better = (value > former) == METRICS.get(task, {}).get(row["metric"], True)
    return Cell(value, _interval(row, predictions, slices), former, better, row["ok"])


def _interval(
    row: Mapping[str, Any], predictions: Predictions | None, slices: Mapping[str, np.ndarray]
) -> Interval | None:
    value, examples = row["value"], row["examples"]
    if value is None or not examples:
        return None
    if "class" in row:
        return intervals.wilson(value, examples) if row["metric"] == "recall" else None
    if predictions is None:
        return None
    rows = np.ones(predictions.count, bool) if row["slice"] == OVERALL else slices.get(row["slice"])
    if rows is None or not rows.any():
        return None
    return intervals.of_metric(row["metric"], value, examples, predictions, rows, row["output"])
