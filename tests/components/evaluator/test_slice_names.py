"""Rows of raw features in the slices of a verdict."""

from __future__ import annotations

from typing import Any

from components.evaluator.slice_names import of_columns

VALUES: dict[str, list[Any]] = {
    "sex": ["f", "m", None, "f"],
    "year": [2007, 2008, 2007, 2007],
    "size": [1.0, 5.0, 9.0, 9.5],
}
BUCKETS = {"size": {"names": ["small", "middle", "large"], "lower": 2.0, "upper": 9.0}}


def places(columns: list[str]) -> dict[str, list[int]]:
    return {name: rows.nonzero()[0].tolist() for name, rows in of_columns(VALUES, columns, BUCKETS).items()}


def test_values_make_slices_and_missing_ones_none() -> None:
    assert places(["sex"]) == {"sex=f": [0, 3], "sex=m": [1]}
    assert places(["year", "sex"]) == {"sex=f,year=2007": [0, 3], "sex=m,year=2008": [1]}


def test_buckets_have_their_names() -> None:
    assert places(["size"]) == {"size=middle": [1, 2], "size=large": [3], "size=small": [0]}


def test_a_column_that_is_not_there_makes_none() -> None:
    assert places(["colour"]) == {}
