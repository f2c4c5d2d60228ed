"""Metrics of answers in numpy, as they are in the verdict: for parts of the examples that TFMA did not slice by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.evaluator.constants import CALIBRATION_BINS, SMALLEST_PROBABILITY


def of_classes(metric: str, true: np.ndarray, scores: np.ndarray) -> float:
    """A metric of a classifier.

    Args:
      metric: one that the task `binary` or `multiclass` has.
      true: class indices, int [N]; -1 for a label that the model does not know, which is never right.
      scores: the probability of the positive class [N] or [N, 1], or of every class [N, K].

    Returns:
      NaN where the metric is not defined, as of no example, or an AUC of one class.
    """
    if not len(true):
        return float("nan")
    scores = np.asarray(scores, np.float64).reshape(len(true), -1)
    if scores.shape[1] == 1:
        return _BINARY[metric](true, scores[:, 0])
    if metric.startswith("top_"):
        return _top(true, scores, int(metric.split("_")[1]))
    return _MULTICLASS[metric](true, scores)


def of_numbers(metric: str, true: np.ndarray, predicted: np.ndarray) -> float:
    """mae, mse or rmse of values [N]; NaN of no example."""
    if not len(true):
        return float("nan")
    errors = np.asarray(true, np.float64) - predicted
    if metric == "mae":
        return float(np.abs(errors).mean())
    squared = float(np.square(errors).mean())
    return squared if metric == "mse" else float(np.sqrt(squared))


def area_under_curve(true: np.ndarray, scores: np.ndarray) -> float:
    """The chance that a positive example has a higher score than a negative one; equal scores count half.

    Source: J. Hanley, B. McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982).
    """
    positive = true == 1
    pairs = int(positive.sum()) * int((~positive).sum())
    if not pairs:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    least = positive.sum() * (positive.sum() + 1) / 2
    return float((ranks[positive].sum() - least) / pairs)


def average_precision(true: np.ndarray, scores: np.ndarray) -> float:
    """The area under precision over recall, as steps."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(true[order] == 1)
    if not len(hits) or not hits[-1]:
        return float("nan")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * hits[last] / (last + 1)))


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [classes + 1, classes] by true and predicted class; the last row is of labels that are unknown."""
    cells = np.where(true < 0, classes, true) * classes + predicted
    return np.bincount(cells, minlength=(classes + 1) * classes).reshape(classes + 1, classes)


def of_counts(metric: str, counts: np.ndarray) -> float:
    """accuracy, precision, recall or f1 of confusion counts [..., K + 1, K]: the means over the classes that occur."""
    right = np.diagonal(counts[..., :-1, :], axis1=-2, axis2=-1).astype(np.float64)
    if metric == "accuracy":
        return right.sum(-1) / counts.sum((-2, -1))
    labelled, given = counts[..., :-1, :].sum(-1), counts.sum(-2)
    above, below = {
        "precision": (right, given),
        "recall": (right, labelled),
        "f1": (2 * right, labelled + given),
    }[metric]
    shares = np.divide(above, below, out=np.zeros_like(right), where=below > 0)
    occurs = (labelled + given) > 0
    return (shares * occurs).sum(-1) / occurs.sum(-1)


def calibration_error(true: np.ndarray, scores: np.ndarray) -> float:
    """Expected calibration error over bins of equal width (C. Guo et al. 2017, equation 3)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == true
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, confidence - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(true))


def _loss(true: np.ndarray, scores: np.ndarray) -> float:
    own = np.clip(scores[np.arange(len(true)), np.maximum(true, 0)], SMALLEST_PROBABILITY, 1)
    return float(-np.log(own)[true >= 0].mean())


def _top(true: np.ndarray, scores: np.ndarray, k: int) -> float:
    own = scores[np.arange(len(true)), np.maximum(true, 0)]
    better = (scores > own[:, None]).sum(axis=1)
    return float(((better < k) & (true >= 0)).mean())


def _positive(metric: str) -> Callable[[np.ndarray, np.ndarray], float]:
    def of(true: np.ndarray, scores: np.ndarray) -> float:
        predicted, positive = scores > 0.5, true == 1
        both = int((predicted & positive).sum())
        below = {
            "precision": int(predicted.sum()),
            "recall": int(positive.sum()),
            "f1": (int(predicted.sum()) + int(positive.sum())) / 2,
        }[metric]
        return both / below if below else 0.0

    return of


def _both(scores: np.ndarray) -> np.ndarray:
    return np.stack([1 - scores, scores], axis=1)


def _counted(metric: str) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda true, scores: float(
        of_counts(metric, confusion(true, scores.argmax(axis=1), scores.shape[1]))
    )


_BINARY: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda true, scores: float(((scores > 0.5) == (true == 1))[true >= 0].mean()),
    "auc": area_under_curve,
    "auc_precision_recall": average_precision,
    **{metric: _positive(metric) for metric in ("precision", "recall", "f1")},
    "calibration_error": lambda true, scores: calibration_error(true, _both(scores)),
    "loss": lambda true, scores: _loss(true, _both(scores)),
}
_MULTICLASS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    **{metric: _counted(metric) for metric in ("accuracy", "precision", "recall", "f1")},
    "calibration_error": calibration_error,
    "loss": _loss,
}
