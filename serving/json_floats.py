"""The decimal numbers that TF Serving writes for floats."""

from __future__ import annotations

import numpy as np
import orjson

FEW = 24
"""Up to so many values formatting one by one is quicker than numpy's calls."""

# Powers of ten that a double holds exactly.
_POWERS = np.array([float(10**power) for power in range(23)])
_SMALLEST, _LARGEST = 1e-13, 1e22


def written_as(values: np.ndarray) -> np.ndarray:
    """Doubles that are, to the last digit, the decimals which TF Serving writes for these (finite) floats.

    Those have six digits where six bring the float back, otherwise nine: a reader that takes them for doubles
    is within 5e-10 of the float then, where the shortest decimals are within 6e-8. The latter stand for
    floats below 1e-13 and from 1e22 on where there are many.
    """
    if values.size <= FEW:
        return _one_by_one(values)
    doubles = values.astype(np.float64)
    sizes = np.abs(doubles)
    usual = (sizes >= _SMALLEST) & (sizes < _LARGEST)
    exponents = np.floor(np.log10(sizes, where=usual, out=np.zeros_like(sizes))).astype(np.intp)
    short = _rounded(doubles, 5 - exponents)
    written = np.where(short.astype(np.float32) == values, short, _rounded(doubles, 8 - exponents))
    others = values[~usual]
    if others.size <= FEW:
        written[~usual] = _one_by_one(others)
    else:
        written[~usual] = orjson.loads(orjson.dumps(others, option=orjson.OPT_SERIALIZE_NUMPY))
    return written


def _rounded(doubles: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rounded to so many places after the point; the nearest doubles to those decimals."""
    up, down = _POWERS[np.maximum(places, 0)], _POWERS[np.maximum(-places, 0)]
    rounded: np.ndarray = np.rint(doubles * up / down) * down / up
    return rounded


def _one_by_one(values: np.ndarray) -> np.ndarray:
    doubles = values.astype(np.float64).ravel().tolist()
    written = np.array([float(f"{value:.6g}") for value in doubles])
    for index in np.flatnonzero(written.astype(np.float32) != values.ravel()).tolist():
        written[index] = float(f"{doubles[index]:.9g}")
    return written.reshape(values.shape)
