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

    def without(self) -> list[str]:
        """The metrics that have values, and no interval around any of them."""
        columns = zip(self.metrics, zip(*(row.cells for row in self.rows), strict=True), strict=True)
        found = {
            metric: [cell for cell in cells if cell and cell.value is not None] for metric, cells in columns
        }
        return [
            metric for metric, cells in found.items() if cells and not any(cell.interval for cell in cells)
        ]


def slices_of(
    predictions: Predictions, columns: Sequence[Sequence[str]], buckets: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The rows of each configured slice by its name in the verdict, bool [N]."""
    found: dict[str, np.ndarray] = {}
    for by in columns:
        found |= slice_names.of_columns(predictions.raw, by, buckets)
    return found


def tables(
    verdict: Mapping[str, Any],
    task: str,
    predictions: Predictions | None,
    slices: Mapping[str, np.ndarray],
    confusion: Mapping[str, Any] | None = None,
) -> list[Table]:
    """A table for each output.

    Args:
      verdict: of the Evaluator.
      task: says whether higher values are better.
      predictions: for the intervals; without them there are none.
      slices: as `slices_of` gives them.
      confusion: of a classifier, as the Evaluator writes it: for the intervals of single classes.
    """
    outputs = list(dict.fromkeys(row["output"] for row in verdict["metrics"]))
    intervals_of = _Intervals(predictions, slices, _counts(confusion))
    return [_table(verdict, task, output, intervals_of) for output in outputs]


@dataclass(frozen=True)
class _Intervals:
    """What intervals are made of; counts: class -> examples that are right, taken for it, and of it."""

    predictions: Predictions | None
    slices: Mapping[str, np.ndarray]
    counts: Mapping[str, tuple[int, int, int]]

    def around(self, row: Mapping[str, Any]) -> Interval | None:
        """The interval around the value of a row of the verdict."""
        value, examples = row["value"], row["examples"]
        if value is None or not examples:
            return None
        if "class" in row:
            counts = self.counts.get(row["class"])
            if counts is None:
                return intervals.wilson(value, examples) if row["metric"] == "recall" else None
            return intervals.of_class(row["metric"], value, *counts)
        if self.predictions is None:
            return None
        rows = (
            np.ones(self.predictions.count, bool)
            if row["slice"] == OVERALL
            else self.slices.get(row["slice"])
        )
        if rows is None or not rows.any():
            return None
        return intervals.of_metric(row["metric"], value, examples, self.predictions, rows, row["output"])


def _counts(confusion: Mapping[str, Any] | None) -> dict[str, tuple[int, int, int]]:
    try:
        known = np.array((confusion or {})["counts"], np.int64)
        given = known.sum(axis=0) + np.array((confusion or {})["unknown"], np.int64)
        labelled, right = known.sum(axis=1), np.diagonal(known)
        names = [str(name) for name in (confusion or {})["classes"]]
        return {name: (int(right[i]), int(given[i]), int(labelled[i])) for i, name in enumerate(names)}
    except (KeyError, ValueError, TypeError, IndexError):
        return {}


def _table(verdict: Mapping[str, Any], task: str, output: str, intervals_of: _Intervals) -> Table:
    found = [row for row in verdict["metrics"] if row["output"] == output]
    metrics = list(dict.fromkeys(row["metric"] for row in found))
    by_slice: dict[str, dict[str, Any]] = {}
    for row in found:
        by_slice.setdefault(row["slice"], {})[row["metric"]] = row
    rows = []
    for name, of_slice in by_slice.items():
        cells = [
            _cell(of_slice[metric], task, intervals_of) if metric in of_slice else None for metric in metrics
        ]
        rows.append(Row(name, next(iter(of_slice.values()))["examples"], cells))
    return Table(output, metrics, rows)


def _cell(row: Mapping[str, Any], task: str, intervals_of: _Intervals) -> Cell:
    value, former = row["value"], row["baseline"]
    better = None
    if value is not None and former is not None and value != former:
        better = (value > former) == METRICS.get(task, {}).get(row["metric"], True)
    return Cell(value, intervals_of.around(row), former, better, row["ok"])
