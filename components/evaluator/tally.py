"""What the scores of a classifier amount to: confusion matrix, calibration and ranks, counted in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from components.evaluator.constants import CALIBRATION_BINS as BINS

TOP = (3, 5)
UNKNOWN = -1
"""Stands for a true class that the model was not trained on, and for a missing label."""


class Tally:
    """Counts over examples; `merge` adds those of others.

    counts: (true class, predicted class) -> examples; the true class may be UNKNOWN.
    bins: for each the examples, the sum of their confidences and how many are right; the confidence is the score of
    the predicted class. in_top: of how many examples the true class is among the k highest scores, for k of TOP.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, int]] = Counter()
        self.bins = [[0, 0.0, 0] for _ in range(BINS)]
        self.in_top = [0] * len(TOP)

    def add(self, true: int, scores: np.ndarray) -> None:
        """Counts an example: its class index, and scores float [K] that add up to 1."""
        if not 0 <= true < len(scores):
            true = UNKNOWN
        predicted = int(scores.argmax())
        confidence = float(scores[predicted])
        self.counts[true, predicted] += 1
        row = self.bins[min(int(confidence * BINS), BINS - 1) if math.isfinite(confidence) else 0]
        row[0] += 1
        row[1] += confidence
        row[2] += int(predicted == true)
        if true != UNKNOWN and math.isfinite(confidence):
            better = np.count_nonzero(scores > scores[true])
            for i, k in enumerate(TOP):
                self.in_top[i] += int(better < k)

    def merge(self, others: Iterable[Tally]) -> Tally:
        """Adds the counts of other tallies to these."""
        for other in others:
            self.counts.update(other.counts)
            self.bins = [
                [a + b for a, b in zip(*rows, strict=True)]
                for rows in zip(self.bins, other.bins, strict=True)
            ]
            self.in_top = [a + b for a, b in zip(self.in_top, other.in_top, strict=True)]
        return self

    @property
    def examples(self) -> int:
        return self.counts.total()

    def wrong(self) -> int:
        """How many predictions are wrong."""
        return sum(count for (true, predicted), count in self.counts.items() if true != predicted)

    def top(self, k: int) -> float:
        """The share of the examples whose true class is among the k highest scores; classes of equal score count."""
        return self.in_top[TOP.index(k)] / self.examples if self.examples else float("nan")

    def calibration_error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over the bins, by examples.

        Source: C. Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3.
        """
        if not self.examples:
            return float("nan")
        return sum(abs(confidence - right) for _, confidence, right in self.bins) / self.examples

    def per_class(self) -> dict[int, dict[str, float]]:
        """Class -> precision, recall, f1 (0 where 0 / 0) and examples (labels), of classes with a label or prediction."""
        labelled: Counter[int] = Counter()
        given: Counter[int] = Counter()
        for (true, predicted), count in self.counts.items():
            labelled[true] += count
            given[predicted] += count
        found = {}
        for index in sorted({*labelled, *given} - {UNKNOWN}):
            right = self.counts[index, index]
            found[index] = {
                "precision": _share(right, given[index]),
                "recall": _share(right, labelled[index]),
                "f1": _share(2 * right, given[index] + labelled[index]),
                "examples": float(labelled[index]),
            }
        return found

    def reliability(self) -> list[dict[str, Any]]:
        """The bins from low to high: bounds, examples, mean confidence and accuracy (None without examples)."""
        rows = []
        for i, (examples, confidence, right) in enumerate(self.bins):
            rows.append(
                {
                    "lower": i / BINS,
                    "upper": (i + 1) / BINS,
                    "examples": examples,
                    "confidence": confidence / examples if examples and math.isfinite(confidence) else None,
                    "accuracy": right / examples if examples else None,
                }
            )
        return rows


def scores_of(predictions: np.ndarray) -> np.ndarray:
    """Scores of all classes, [N, K]: of a binary model's probability of the positive class both are made."""
    predictions = predictions.reshape(len(predictions), -1)
    if predictions.shape[1] == 1:
        return np.concatenate([1 - predictions, predictions], axis=1)
    return predictions


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
