"""How the answer depends on one feature: partial dependence (Friedman 2001) and individual expectation (Goldstein et al. 2015)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

POINTS = 20
MOST_VALUES = 15
MOST_ROWS = 200

Ask = Callable[[Sequence[Mapping[str, Any]]], np.ndarray]
"""Rows -> the score of each."""


@dataclass(frozen=True)
class Curve:
    """Scores over the values of a feature, each list as long as `values`.

    `mean`, `low` and `high`: the mean and the 10th and 90th percentile over the rows; `own`: of the chosen example.
    """

    values: list[Any]
    mean: list[float]
    low: list[float]
    high: list[float]
    own: list[float]


def grid_of_numbers(values: Sequence[float | None], own: float | None, whole: bool) -> list[float | int]:
    """Up to POINTS quantiles of the values from the 1st to the 99th percentile, and the example's own value."""
    known = np.array([value for value in values if value is not None], np.float64)
    known = known[np.isfinite(known)]
    found: set[float] = set() if own is None else {own}
    if len(known):
        distinct = np.unique(known)
        points = distinct if len(distinct) <= POINTS else np.quantile(known, np.linspace(0.01, 0.99, POINTS))
        # As people write them: 45.2 is one point, though as float32 it is another number.
        found |= {
            float(point) if whole else float(str(np.float32(point)))
            for point in (np.round(points) if whole else points)
        }
    return sorted(int(value) if whole else float(value) for value in found)


def grid_of_texts(values: Sequence[str | None], own: str | None) -> list[str | None]:
    """The most frequent values, MOST_VALUES of them at most, the example's own, and None where some are missing."""
    counts = Counter(value for value in values if value)
    found: list[str | None] = [value for value, _ in counts.most_common(MOST_VALUES)]
    if own and own not in found:
        found.append(own)
    if own is None or any(value is None for value in values):
        found.append(None)
    return found


def spread_rows(count: int) -> list[int]:
    """MOST_ROWS places of `count` at most, evenly spread: the same ones each time."""
    return sorted(set(np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(int).tolist())) if count else []


def curve(
    ask: Ask,
    rows: Sequence[Mapping[str, Any]],
    own: Mapping[str, Any],
    feature: str,
    values: Sequence[Any],
    shown: Sequence[Any],
) -> Curve:
    """The curve over some values of a feature, asked in one go.

    Args:
      ask: the model.
      rows: that are averaged over; each is asked with each value.
      own: the chosen example.
      feature: the input that is changed.
      values: as the model takes them.
      shown: the same values as people see them.
    """
    everyone = [own, *rows]
    scores = ask([{**row, feature: value} for value in values for row in everyone])
    table = np.asarray(scores, np.float64).reshape(len(values), len(everyone))
    others = table[:, 1:] if rows else table
    low, high = np.quantile(others, [0.1, 0.9], axis=1)
    return Curve(list(shown), others.mean(axis=1).tolist(), low.tolist(), high.tolist(), table[:, 0].tolist())
