from __future__ import annotations

import pytest

from trainer_modules.translation.error_analysis import faults


def test_the_search_is_at_fault_where_the_model_prefers_the_reference() -> None:
    found = faults(
        ["a", "b", "c", "d", "e"],
        ["a", "B", "C", "D", "E"],
        [-1.0, -3.0, -2.0, -2.0, -2.0],
        [-1.0, -2.0, -4.0, -2.00001, -1.9],
    )
    assert (found.sentences, found.differ, found.search, found.model) == (5, 4, 2, 2)
    assert found.search_share == pytest.approx(0.5)


def test_no_share_without_a_difference() -> None:
    assert faults(["a"], ["a"], [-5.0], [-1.0]).search_share is None
