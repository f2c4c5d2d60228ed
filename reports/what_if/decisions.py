"""Confusion matrices, rates and costs of the held-out examples, as the page asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.errors import BadInput
from reports.what_if import slices, thresholds
from reports.what_if.held_out import HeldOut

_BINS = 25


def decisions(held_out: HeldOut, given: Mapping[str, Any]) -> dict[str, Any]:
    """Matrix, rates and costs at thresholds that are given or to be chosen. Raises BadInput.

    Args:
      held_out: of a model with classes.
      given: `output` (which class is positive), `column` (of the slices, may be empty), `thresholds` (slice -> number) or
        `threshold` for all, `constraint` (which chooses them), `false_positive`, `false_negative`, `tolerance`.
    """
    if held_out.task not in ("binary", "multiclass"):
        raise BadInput("thresholds are for classes")
    output = _whole(given, "output", len(held_out.outputs))
    costs = amount(given, "false_positive", 1.0), amount(given, "false_negative", 1.0)
    scores = held_out.scores[:, output]
    index = 1 if held_out.task == "binary" else output
    usable = np.isfinite(scores) & (held_out.truth >= 0)
    if not usable.any():
        raise BadInput("no held-out example has both a label and a score")
    column = str(given.get("column") or "")
    if column and (column not in held_out.features or column in held_out.labels):
        raise BadInput(f"there is no column {column!r} to cut slices by")
    parts = slices.slices(held_out, column) if column else {"all": np.ones(len(held_out), bool)}
    groups = {
        name: thresholds.Group(scores[rows & usable], (held_out.truth == index)[rows & usable])
        for name, rows in parts.items()
        if (rows & usable).any()
    }
    constraint = str(given.get("constraint") or "")
    told: dict[str, Any] = {"constraint": constraint}
    if constraint:
        if constraint not in thresholds.CONSTRAINTS:
            raise BadInput(f"there is no constraint {constraint!r}")
        tolerance = amount(given, "tolerance", thresholds.TOLERANCE)
        choice = thresholds.choose(groups, constraint, *costs, tolerance)
        chosen = choice.thresholds
        told |= {
            "gap": choice.gap,
            "met": choice.met,
            "left_out": list(choice.left_out),
            "tolerance": tolerance,
        }
    else:
        everywhere = amount(given, "threshold", 0.5, -1.0)
        own = given.get("thresholds") or {}
        if not isinstance(own, dict):
            raise BadInput("thresholds: slice -> number is expected")
        chosen = {name: amount(own, name, everywhere, -1.0) for name in groups}
    matrices = {name: thresholds.confusion(group, chosen[name]) for name, group in groups.items()}
    total = thresholds.Matrix(
        *(
            sum(getattr(matrix, name) for matrix in matrices.values())
            for name in thresholds.Matrix.__dataclass_fields__
        )
    )
    return {
        **told,
        "all": _matrix(total, costs),
        "slices": [
            {"name": name, "threshold": chosen[name], **_matrix(matrix, costs)}
            for name, matrix in matrices.items()
        ],
        "bins": _bins(thresholds.Group(scores[usable], (held_out.truth == index)[usable])),
    }


def amount(given: Mapping[str, Any], name: str, default: float, lowest: float = 0.0) -> float:
    """A number of a request, `default` where it has none. Raises BadInput: it is no number, or below `lowest`."""
    value = given.get(name)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{name}: {str(value)[:40]!r} is no number") from None
    if not np.isfinite(number) or number < lowest:
        raise BadInput(
            f"{name}: {str(value)[:40]!r} is too small"
            if number < lowest
            else f"{name}: give a finite number"
        )
    return number


def _whole(given: Mapping[str, Any], name: str, below: int) -> int:
    value = given.get(name, 0)
    if not isinstance(value, int) or not 0 <= value < below:
        raise BadInput(f"{name}: {value!r} is none of the {below} that there are")
    return value


def _matrix(matrix: thresholds.Matrix, costs: tuple[float, float]) -> dict[str, Any]:
    return {
        "tp": matrix.true_positives,
        "fp": matrix.false_positives,
        "fn": matrix.false_negatives,
        "tn": matrix.true_negatives,
        "examples": matrix.examples,
        "positive_rate": matrix.positive_rate,
        "recall": matrix.recall,
        "precision": matrix.precision,
        "false_positive_rate": matrix.false_positive_rate,
        "accuracy": matrix.accuracy,
        "cost": matrix.cost(*costs),
    }


def _bins(group: thresholds.Group) -> dict[str, list[int]]:
    """How many scores there are in each of some bins of 0 to 1."""
    edges = np.linspace(0, 1, _BINS + 1)
    return {
        name: np.histogram(group.scores[rows], edges)[0].tolist()
        for name, rows in (("positive", group.positive), ("negative", ~group.positive))
    }
