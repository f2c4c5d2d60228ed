"""Curves against a loop over values and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from reports.what_if import dependence
from tests.reports.what_if import birds


def ask(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    return np.array([birds.probability(row) for row in rows])


def test_a_curve_is_the_mean_over_rows_with_one_feature_changed() -> None:
    rows, own = birds.rows()[:30], {"bill": 50.0, "island": "Biscoe", "mass": 3000}
    values = [35.0, 45.0, 60.0]
    curve = dependence.curve(ask, rows, own, "bill", values, values)
    for place, value in enumerate(values):
        scores = [birds.probability({**row, "bill": value}) for row in rows]
        assert curve.mean[place] == pytest.approx(sum(scores) / 30)
        assert curve.low[place] == pytest.approx(np.percentile(scores, 10))
        assert curve.high[place] == pytest.approx(np.percentile(scores, 90))
        assert curve.own[place] == pytest.approx(birds.probability({**own, "bill": value}))


def test_without_rows_the_curve_is_that_of_the_example() -> None:
    own = {"bill": 50.0, "island": "Dream", "mass": 3000}
    values = ["Dream", "Biscoe"]
    curve = dependence.curve(ask, [], own, "island", values, values)
    assert curve.mean == curve.own == [birds.probability({**own, "island": island}) for island in values]


def test_a_grid_of_numbers_has_quantiles_and_the_value_at_hand() -> None:
    values = [*map(float, range(1001)), None, float("nan")]
    grid = dependence.grid_of_numbers(values, 12.5, False)
    assert len(grid) == dependence.POINTS + 1
    assert grid == sorted(grid)
    assert (grid[0], grid[1], grid[-1]) == (10.0, 12.5, 990.0)
    assert dependence.grid_of_numbers([3, 1, 1, 2], 7.0, True) == [1, 2, 3, 7]
    assert dependence.grid_of_numbers([float(np.float32(45.2))], 45.2, False) == [45.2]


def test_a_grid_of_texts_has_the_most_frequent_ones_and_missing_where_it_occurs() -> None:
    values = ["b", "b", "a", "c", "c", "c"]
    assert dependence.grid_of_texts(values, "z") == ["c", "b", "a", "z"]
    assert dependence.grid_of_texts([*values, None], "a") == ["c", "b", "a", None]
    many = [str(number) for number in range(100)]
    assert len(dependence.grid_of_texts(many, "5")) == dependence.MOST_VALUES


def test_rows_are_spread_over_all() -> None:
    assert dependence.spread_rows(3) == [0, 1, 2]
    assert dependence.spread_rows(0) == []
    spread = dependence.spread_rows(10_000)
    assert (len(spread), spread[0], spread[-1]) == (dependence.MOST_ROWS, 0, 9999)
