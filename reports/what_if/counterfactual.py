"""The example nearest to another one whose answer is another, as the What-If Tool finds it (Wexler et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NORMS = ("l1", "l2")
SCALES = ("std", "mad")


def added_up(parts: Sequence[np.ndarray], norm: str = "l1") -> np.ndarray:
    """How far rows are from an example, float64 [N], of how far they are in each feature, float64 [N] each.

    `l1` adds the differences up, `l2` is the root of the sum of their squares.
    """
    table = np.stack(parts, axis=1)
    return np.asarray(table.sum(axis=1) if norm == "l1" else np.sqrt((table**2).sum(axis=1)))


def differences(values: np.ndarray, own: Any, scale: str = "std") -> np.ndarray:
    """How far the values of one column are from one, float64 [N].

    A number counts by how many standard deviations (or median absolute deviations) of the column it is away, a text 0 or 1;
    so does a value that only one of both has, and a number where the deviation is 0.

    Args:
      values: float64 [N] with NaN for missing ones, or an object array of texts, None where one is missing.
      own: a number, a text, or None.
      scale: `std` or `mad`.
    """
    if values.dtype == object:
        return np.array([value != own for value in values], np.float64)
    missing = np.isnan(values)
    if own is None:
        return (~missing).astype(np.float64)
    width = deviation(values[~missing], scale)
    apart = np.abs(values - float(own)) / width if width else (values != float(own)).astype(np.float64)
    return np.where(missing, 1.0, apart)


def deviation(values: np.ndarray, scale: str) -> float:
    """The standard deviation, or the median absolute deviation where that is not 0; 0 without values."""
    if not len(values):
        return 0.0
    if scale == "mad":
        mad = float(np.median(np.abs(values - np.median(values))))
        if mad:
            return mad
    return float(np.std(values))


def nearest(distance: np.ndarray, other: np.ndarray) -> int | None:
    """The row with the smallest distance of those with another answer, bool [N]; None when there is none."""
    if not other.any():
        return None
    return int(np.argmin(np.where(other, distance, np.inf)))
