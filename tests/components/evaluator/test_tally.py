"""Counts of a classifier against scikit-learn and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics

from components.evaluator.tally import BINS, Tally, scores_of

CLASSES = 7


def answers(examples: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [N] and scores [N, CLASSES] that are better than chance; class 6 is no label."""
    random = np.random.default_rng(seed)
    true = random.integers(0, CLASSES - 1, examples)
    scores = random.dirichlet(np.ones(CLASSES), examples)
    scores[np.arange(examples), true] += 0.25
    return true, scores / scores.sum(axis=1, keepdims=True)


def tallied(true: np.ndarray, scores: np.ndarray) -> Tally:
    tally = Tally()
    for label, row in zip(true.tolist(), scores, strict=True):
        tally.add(label, row)
    return tally


def test_precision_recall_and_f1_of_each_class() -> None:
    true, scores = answers()
    predicted = scores.argmax(axis=1)
    assert 6 in predicted
    expected = sklearn.metrics.precision_recall_fscore_support(true, predicted, zero_division=0)
    found = tallied(true, scores).per_class()
    assert list(found) == list(range(CLASSES))
    for name, values in zip(("precision", "recall", "f1", "examples"), expected, strict=True):
        assert [row[name] for row in found.values()] == pytest.approx(values)


def test_counts_are_the_confusion_matrix() -> None:
    true, scores = answers()
    matrix = sklearn.metrics.confusion_matrix(true, scores.argmax(axis=1))
    tally = tallied(true, scores)
    assert [[tally.counts[i, j] for j in range(CLASSES)] for i in range(CLASSES)] == matrix.tolist()
    assert tally.examples == 400


@pytest.mark.parametrize("k", [3, 5])
def test_the_true_class_among_the_highest(k: int) -> None:
    true, scores = answers()
    expected = sklearn.metrics.top_k_accuracy_score(true, scores, k=k, labels=range(CLASSES))
    assert tallied(true, scores).top(k) == pytest.approx(expected)


def test_fewer_classes_than_k_hold_all() -> None:
    assert tallied(np.array([0, 1]), np.array([[0.1, 0.9], [0.3, 0.7]])).top(3) == 1.0


def test_calibration_error_and_bins() -> None:
    true, scores = answers(2000)
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == true
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    expected = sum(
        np.mean(number == i) * abs(confidence[number == i].mean() - right[number == i].mean())
        for i in range(BINS)
        if (number == i).any()
    )
    tally = tallied(true, scores)
    assert tally.calibration_error() == pytest.approx(expected)
    rows = tally.reliability()
    assert [row["examples"] for row in rows] == np.bincount(number, minlength=BINS).tolist()
    assert rows[6]["confidence"] == pytest.approx(confidence[number == 6].mean())
    assert rows[6]["accuracy"] == pytest.approx(right[number == 6].mean())
    assert (rows[0]["examples"], rows[0]["confidence"], rows[0]["accuracy"]) == (0, None, None)
    assert (rows[14]["lower"], rows[14]["upper"]) == (14 / 15, 1.0)


def test_a_calibration_error_by_hand() -> None:
    # Three at 0.9 of which two are right, one at 0.6 that is wrong: (|2.7 - 2| + |0.6 - 0|) / 4.
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    assert tallied(np.array([0, 0, 0, 1]), scores).calibration_error() == pytest.approx(1.3 / 4)


def test_an_unknown_label_is_wrong_and_no_class() -> None:
    tally = tallied(np.array([0, -1, -2, 9]), np.array([[0.8, 0.2]] * 4))
    assert dict(tally.counts) == {(0, 0): 1, (-1, 0): 3}
    assert list(tally.per_class()) == [0]
    assert tally.per_class()[0] == {"precision": 0.25, "recall": 1.0, "f1": 0.4, "examples": 1.0}
    assert tally.top(5) == 0.25


def test_scores_that_are_no_numbers_leave_no_calibration_error() -> None:
    tally = tallied(np.array([0, 1]), np.array([[np.nan, np.nan], [0.2, 0.8]]))
    assert math.isnan(tally.calibration_error())
    assert tally.top(3) == 0.5
    assert tally.reliability()[0]["confidence"] is None


def test_merged_tallies_are_that_of_all() -> None:
    true, scores = answers()
    parts = [tallied(true[i::3], scores[i::3]) for i in range(3)]
    merged, whole = Tally().merge(parts), tallied(true, scores)
    assert merged.counts == whole.counts
    assert merged.in_top == whole.in_top
    assert np.allclose(merged.bins, whole.bins)


def test_a_probability_becomes_two_scores() -> None:
    assert scores_of(np.array([[0.25], [1.0]])).tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert scores_of(np.array([0.5])).tolist() == [[0.5, 0.5]]
    assert scores_of(np.array([[0.2, 0.3, 0.5]])).tolist() == [[0.2, 0.3, 0.5]]
