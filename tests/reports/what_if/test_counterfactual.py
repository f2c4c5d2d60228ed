"""Distances against a loop over rows and features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from reports.what_if import counterfactual

COLUMNS = {
    "bill": np.array([40.0, np.nan, 50.0, 45.0, 41.0]),
    "flat": np.array([7.0, 7.0, 7.0, 7.0, 7.0]),
    "island": np.array(["Dream", "Biscoe", None, "Dream", "dream"], object),
}
# Of 40, 41, 45 and 50: the mean is 44, the median 43, the distances from it 3, 2, 2 and 7.
WIDTHS = {"std": math.sqrt((16 + 9 + 1 + 36) / 4), "mad": 2.5}


def by_hand(example: dict[str, Any], row: int, norm: str, scale: str) -> float:
    own, theirs = example["bill"], COLUMNS["bill"][row]
    if own is None or math.isnan(theirs):
        bill = 0.0 if own is None and math.isnan(theirs) else 1.0
    else:
        bill = abs(own - theirs) / WIDTHS[scale]
    flat = 0.0 if example["flat"] == 7 else 1.0
    island = 0.0 if example["island"] == COLUMNS["island"][row] else 1.0
    return bill + flat + island if norm == "l1" else math.sqrt(bill**2 + flat**2 + island**2)


@pytest.mark.parametrize("norm", counterfactual.NORMS)
@pytest.mark.parametrize("scale", counterfactual.SCALES)
@pytest.mark.parametrize(
    "example",
    [{"bill": 44.0, "flat": 7.0, "island": "Dream"}, {"bill": None, "flat": 8.0, "island": None}],
)
def test_the_distance_adds_up_what_each_feature_is_apart(
    norm: str, scale: str, example: dict[str, Any]
) -> None:
    parts = [counterfactual.differences(values, example[name], scale) for name, values in COLUMNS.items()]
    found = counterfactual.added_up(parts, norm)
    assert found == pytest.approx([by_hand(example, row, norm, scale) for row in range(5)])


def test_the_nearest_is_of_those_with_another_answer() -> None:
    distance = np.array([0.0, 2.0, 1.0, 3.0])
    assert counterfactual.nearest(distance, np.array([False, True, False, True])) == 1
    assert counterfactual.nearest(distance, np.zeros(4, bool)) is None


def test_a_median_absolute_deviation_of_zero_gives_way_to_the_standard_deviation() -> None:
    values = np.array([1.0, 1.0, 1.0, 5.0])
    assert counterfactual.deviation(values, "mad") == pytest.approx(math.sqrt(3))
    assert counterfactual.deviation(np.array([]), "std") == 0
