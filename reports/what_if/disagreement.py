"""Where two versions of a model answer differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-5
"""Nearer answers are the same: float32, added up in another order."""


@dataclass(frozen=True)
class Disagreement:
    """How far the answers are apart on each example, float64 [N], NaN where one is missing.

    `other_answer`: how many have another class; None for numbers. `unit` says what the distance is.
    """

    distance: np.ndarray
    other_answer: int | None
    unit: str


def compare(task: str, first: np.ndarray, second: np.ndarray) -> Disagreement:
    """Hold the scores of two versions against each other, float64 [N, outputs] each, outputs in the same order.

    binary: the difference of the probabilities; multiclass: the total variation distance, half the sum of the differences;
    regression: the largest difference of the outputs, each in standard deviations of the first version's answers.
    """
    apart = np.abs(first - second)
    if task == "binary":
        other = int(((first[:, 0] > 0.5) != (second[:, 0] > 0.5)).sum())
        return Disagreement(apart[:, 0], other, "difference of the probabilities")
    if task == "multiclass":
        other = int((first.argmax(axis=1) != second.argmax(axis=1)).sum())
        return Disagreement(apart.sum(axis=1) / 2, other, "total variation distance")
    spread = np.nanstd(first, axis=0)
    unit = "difference in standard deviations of the answers"
    return Disagreement((apart / np.where(spread > 0, spread, 1.0)).max(axis=1), None, unit)


def furthest(distance: np.ndarray, most: int) -> list[int]:
    """The rows that are furthest apart, the furthest first, without those that are the same."""
    known = np.nan_to_num(distance, nan=0.0)
    order = np.argsort(-known, kind="stable")[:most]
    return [int(row) for row in order if known[row] > ROUNDING]
