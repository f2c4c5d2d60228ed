"""Metrics in numpy against scikit-learn, and against the tally that the verdict's come from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics

from components.evaluator import figures
from components.evaluator.tally import Tally, scores_of

CLASSES = 6


@pytest.fixture(scope="module")
def multiclass() -> tuple[np.ndarray, np.ndarray]:
    """Labels [N], some unknown, and scores [N, CLASSES] that are better than chance; no label is the last class."""
    random = np.random.default_rng(0)
    true = random.integers(-1, CLASSES - 1, 400)
    scores = random.dirichlet(np.ones(CLASSES), 400)
    scores[np.arange(400), true] += 0.25 * (true >= 0)
    return true, scores / scores.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def binary() -> tuple[np.ndarray, np.ndarray]:
    """Labels [N] and probabilities [N], many of them equal."""
    random = np.random.default_rng(1)
    true = random.integers(0, 2, 500)
    return true, np.round(np.clip(random.normal(0.4 + 0.2 * true, 0.2), 0, 1), 2)


def test_multiclass_is_what_the_verdict_has(multiclass: tuple[np.ndarray, np.ndarray]) -> None:
    true, scores = multiclass
    tally = Tally()
    for label, row in zip(true.tolist(), scores, strict=True):
        tally.add(label, row)
    by_class = tally.per_class()
    expected = {
        "accuracy": 1 - tally.wrong() / tally.examples,
        "top_3_accuracy": tally.top(3),
        "top_5_accuracy": tally.top(5),
        "calibration_error": tally.calibration_error(),
        **{
            metric: np.mean([row[metric] for row in by_class.values()])
            for metric in ("precision", "recall", "f1")
        },
    }
    for metric, value in expected.items():
        assert figures.of_classes(metric, true, scores) == pytest.approx(value), metric
    known = true >= 0
    loss = sklearn.metrics.log_loss(true[known], scores[known], labels=range(CLASSES))
    assert figures.of_classes("loss", true, scores) == pytest.approx(loss)


def test_binary_is_what_scikit_learn_has(binary: tuple[np.ndarray, np.ndarray]) -> None:
    true, scores = binary
    predicted = scores > 0.5
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(true, predicted),
        "auc": sklearn.metrics.roc_auc_score(true, scores),
        "auc_precision_recall": sklearn.metrics.average_precision_score(true, scores),
        "precision": sklearn.metrics.precision_score(true, predicted),
        "recall": sklearn.metrics.recall_score(true, predicted),
        "f1": sklearn.metrics.f1_score(true, predicted),
        "loss": sklearn.metrics.log_loss(true, np.clip(scores, 1e-7, 1 - 1e-7)),
    }
    for metric, value in expected.items():
        assert figures.of_classes(metric, true, scores[:, None]) == pytest.approx(value, rel=1e-5), metric
    tally = Tally()
    for label, row in zip(true.tolist(), scores_of(scores[:, None]), strict=True):
        tally.add(label, row)
    assert figures.of_classes("calibration_error", true, scores) == pytest.approx(tally.calibration_error())


def test_numbers() -> None:
    true, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.0, 5.0, 0.0])
    assert figures.of_numbers("mae", true, predicted) == pytest.approx(7 / 3)
    assert figures.of_numbers("mse", true, predicted) == pytest.approx(25 / 3)
    assert figures.of_numbers("rmse", true, predicted) == pytest.approx(math.sqrt(25 / 3))


def test_what_is_not_defined_is_not_a_number() -> None:
    one_class, scores = np.ones(3, np.int64), np.array([0.1, 0.2, 0.9])
    assert math.isnan(figures.of_classes("auc", one_class, scores))
    assert math.isnan(figures.of_classes("auc_precision_recall", one_class - 1, scores))
    assert math.isnan(figures.of_classes("accuracy", one_class[:0], scores[:0]))
    assert math.isnan(figures.of_numbers("mae", scores[:0], scores[:0]))
    assert figures.of_classes("precision", one_class, np.zeros(3)) == 0.0


def test_counts_of_many_draws_at_once(multiclass: tuple[np.ndarray, np.ndarray]) -> None:
    true, scores = multiclass
    counts = figures.confusion(true, scores.argmax(axis=1), CLASSES)
    assert counts.sum() == 400
    assert counts[-1].sum() == (true < 0).sum()
    both = figures.of_counts("f1", np.stack([counts, counts * 2]))
    assert both.tolist() == pytest.approx([figures.of_classes("f1", true, scores)] * 2)
