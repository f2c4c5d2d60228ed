"""How well answers agree with the labels: the figure by which a form is compared with the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from components.classifiers import SCORES
from components.model_optimizer import truth
from components.model_optimizer.obstacle import Obstacle

ERRORS = ("mae", "mse", "rmse")
ACCURACY = "accuracy"

Answers = Mapping[str, np.ndarray]
"""Outputs [rows, ...] by name."""


class Metric(Protocol):
    """A figure for each label column, over all answers that were added; examples without a label do not count."""

    def add(self, answers: Answers, batch: pa.RecordBatch) -> None: ...

    def values(self) -> dict[str, float]: ...

    @property
    def examples(self) -> int: ...


def measured(task: str, metric: str) -> str:
    """What is measured where a pipeline gates `metric`.

    Accuracy for classes, whichever metric that is; for regression the metric itself, one of ERRORS.
    """
    return (
        metric if task == "regression" and metric in ERRORS else "mae" if task == "regression" else ACCURACY
    )


def losses(name: str, original: Mapping[str, float], form: Mapping[str, float]) -> dict[str, float]:
    """How much worse a form is, by label column, in the metric's unit; negative where it is better."""
    sign = -1.0 if name in ERRORS else 1.0
    return {label: sign * (original[label] - form[label]) for label in original}


def create(task: str, metric: str, labels: Sequence[str], class_names: Sequence[str]) -> Metric:
    """A metric without answers yet; `metric` is one that `measured` gave."""
    if task == "regression":
        return Errors(metric, labels)
    return Accuracy(labels[0], class_names, SCORES[task])


class Accuracy:
    """The share of examples whose class is the answer's: the likeliest one, or whether it is likelier than not."""

    def __init__(self, label: str, class_names: Sequence[str], output: str) -> None:
        self._label, self._names, self._output = label, class_names, output
        self._right = self._seen = 0

    def add(self, answers: Answers, batch: pa.RecordBatch) -> None:
        scores = _output(answers, self._output)
        found = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(np.int64)
        known = np.isfinite(scores).all(axis=1)
        expected = truth.classes(batch, self._label, self._names)
        self._right += int(((found == expected) & known).sum())
        self._seen += int((expected != truth.MISSING).sum())

    def values(self) -> dict[str, float]:
        return {self._label: self._right / self._seen if self._seen else float("nan")}

    @property
    def examples(self) -> int:
        return self._seen


class Errors:
    """Mean absolute error, mean squared error or its root, for each label column."""

    def __init__(self, metric: str, labels: Sequence[str]) -> None:
        self._metric, self._labels = metric, labels
        self._sums, self._seen = np.zeros(len(labels)), np.zeros(len(labels), np.int64)

    def add(self, answers: Answers, batch: pa.RecordBatch) -> None:
        for i, label in enumerate(self._labels):
            expected = truth.numbers(batch, label)
            known = ~np.isnan(expected)
            error = _output(answers, label).reshape(-1).astype(np.float64)[known] - expected[known]
            self._sums[i] += (np.abs(error) if self._metric == "mae" else error**2).sum()
            self._seen[i] += known.sum()

    def values(self) -> dict[str, float]:
        with np.errstate(invalid="ignore"):
            means = self._sums / self._seen
        if self._metric == "rmse":
            means = np.sqrt(means)
        return dict(zip(self._labels, means.tolist(), strict=True))

    @property
    def examples(self) -> int:
        return int(self._seen.min())


def _output(answers: Answers, name: str) -> np.ndarray:
    if name not in answers:
        raise Obstacle(f"the signature has no output {name}; it has {', '.join(sorted(answers))}")
    return answers[name].reshape([len(answers[name]), -1])
