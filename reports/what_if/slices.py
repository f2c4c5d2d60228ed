"""The held-out examples by the values of a column."""

from __future__ import annotations

import numpy as np

from reports.what_if.held_out import HeldOut
from reports.words import number

MOST_SLICES = 12
MISSING = "missing"
_PARTS = 3


def columns(held_out: HeldOut) -> list[str]:
    """The raw columns that cut the examples into at least two slices, but the labels."""
    return [
        name for name in held_out.features if name not in held_out.labels and len(slices(held_out, name)) > 1
    ]


def slices(held_out: HeldOut, column: str) -> dict[str, np.ndarray]:
    """Slice -> its rows, bool [examples], the largest first; numbers of many values are cut into thirds.

    Of more than MOST_SLICES values the rarest are one slice, `other`; examples without a value are one, `missing`.
    """
    if held_out.features[column] == "number":
        return _of_numbers(held_out.numbers(f"raw.{column}"))
    values = np.array(["" if value is None else value for value in held_out.values(column)], object)
    return _of_values(values, values == "", str)


def _of_numbers(values: np.ndarray) -> dict[str, np.ndarray]:
    missing = np.isnan(values)
    if len(np.unique(values[~missing])) <= MOST_SLICES:
        return _of_values(values, missing, lambda value: number(_plain(value)))
    bounds = np.quantile(values[~missing], np.arange(1, _PARTS) / _PARTS)
    place = np.searchsorted(bounds, values, side="left")
    low, high = (number(_plain(bound)) for bound in bounds)
    names = (f"up to {low}", f"above {low} to {high}", f"above {high}")
    found = {name: (place == at) & ~missing for at, name in enumerate(names)}
    return _with_missing({name: rows for name, rows in found.items() if rows.any()}, missing)


def _of_values(values: np.ndarray, missing: np.ndarray, shown) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    kept, counts = np.unique(values[~missing], return_counts=True)
    by_count = [kept[i] for i in np.argsort(-counts, kind="stable")]
    most = MOST_SLICES if len(by_count) <= MOST_SLICES else MOST_SLICES - 1
    found = {shown(value): values == value for value in by_count[:most]}
    if len(by_count) > most:
        found["other"] = ~missing & ~np.isin(values, by_count[:most])
    return _with_missing(found, missing)


def _with_missing(found: dict[str, np.ndarray], missing: np.ndarray) -> dict[str, np.ndarray]:
    return {**found, MISSING: missing} if missing.any() else found


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else float(value)
