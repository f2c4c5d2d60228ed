"""Which slices of a verdict a row of raw features belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Values = Mapping[str, Sequence[Any]]
"""Column -> a value for each row, None where it is missing."""


def of_columns(
    values: Values, columns: Sequence[str], buckets: Mapping[str, Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Name of a slice by these columns, `a=1,b=x` -> its rows, bool [rows]; largest first.

    A row without a value in one of the columns is in none; a column that `values` lacks gives none at all.

    Args:
      values: raw features.
      columns: that the slices are by.
      buckets: those of the verdict: column -> its `names`, `lower` and `upper`.
    """
    ordered = sorted(columns)
    if any(column not in values for column in ordered):
        return {}
    named = [_named(values[column], buckets.get(column)) for column in ordered]
    rows: dict[str, list[int]] = {}
    for row, parts in enumerate(zip(*named, strict=True)):
        if None not in parts:
            name = ",".join(f"{column}={part}" for column, part in zip(ordered, parts, strict=True))
            rows.setdefault(name, []).append(row)
    count = len(named[0]) if named else 0
    found = {}
    for name in sorted(rows, key=lambda name: (-len(rows[name]), name)):
        found[name] = np.zeros(count, bool)
        found[name][rows[name]] = True
    return found


def _named(values: Sequence[Any], bucket: Mapping[str, Any] | None) -> list[str | None]:
    if bucket is None:
        return [None if value is None else str(value) for value in values]
    low, middle, high = bucket["names"]
    return [
        None
        if value is None
        else high
        if value > bucket["upper"]
        else low
        if value < bucket["lower"]
        else middle
        for value in values
    ]
