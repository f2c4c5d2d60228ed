"""The example nearest to another one whose answer is another, as the What-If Tool finds it (Wexler et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NORMS = ("l1", "l2")
SCALES = ("std", "mad")


def distances(
    columns: Mapping[str, np.ndarray],
    example: Mapping[str, Any],
    norm: str = "l1",
    scale: str = "std",
) -> np.ndarray:
    """How far each row is from an example, float64 [N].

    A number counts by how many standard deviations (or median absolute deviations) of its column it is away, a text 0 or 1;
    so does a value that only one of both has.

    Args:
      columns: feature -> float64 [N] with NaN for missing ones, or an object array of texts, None where one is missing.
      example: feature -> a number, a text, or None.
      norm: `l1` adds the differences up, `l2` is the root of the sum of their squares.
      scale: `std` or `mad`. A column whose deviation is 0 counts 0 or 1.
    """
    parts = np.stack([differences(values, example[name], scale) for name, values in columns.items()], axis=1)
    return np.asarray(parts.sum(axis=1) if norm == "l1" else np.sqrt((parts**2).sum(axis=1)))


def differences(values: np.ndarray, own: Any, scale: str = "std") -> np.ndarray:
    """How far the values of one column are from one, float64 [N]."""
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
