from __future__ import annotations

import numpy as np
import pytest

from reports.what_if.disagreement import compare, furthest


def test_probabilities_are_apart_by_their_difference() -> None:
    found = compare("binary", np.array([[0.2], [0.45], [0.9]]), np.array([[0.3], [0.55], [0.9]]))
    assert found.distance == pytest.approx([0.1, 0.1, 0.0])
    assert found.other_answer == 1


def test_classes_are_apart_by_total_variation() -> None:
    first, second = np.array([[0.7, 0.2, 0.1], [1, 0, 0]]), np.array([[0.2, 0.7, 0.1], [0.8, 0, 0.2]])
    found = compare("multiclass", first, second)
    assert found.distance == pytest.approx([0.5, 0.2])
    assert found.other_answer == 1


def test_numbers_are_apart_in_standard_deviations_of_the_answers() -> None:
    first = np.array([[1.0, 10.0], [3.0, 10.0]])
    found = compare("regression", first, first + np.array([[0.5, 0.0], [0.0, 3.0]]))
    assert found.distance == pytest.approx([0.5, 3.0])
    assert found.other_answer is None


def test_the_furthest_come_first_and_equal_answers_not_at_all() -> None:
    assert furthest(np.array([0.1, np.nan, 0.5, 1e-9, 0.2]), 10) == [2, 4, 0]
    assert furthest(np.array([0.1, 0.5, 0.2]), 1) == [1]
