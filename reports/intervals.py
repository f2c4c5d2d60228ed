"""Intervals of 95 % around metrics of held-out examples: how much another draw of examples might move them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from components.evaluator import figures
from reports.predictions import Predictions

Interval = tuple[float, float]
Z = 1.959964
DRAWS = 200
MOST_DRAWN = 2000
_SHARES = ("accuracy", "top_3_accuracy", "top_5_accuracy", "exact_match")
_ENTITIES = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy")


def wilson(share: float, examples: float) -> Interval:
    """The interval of a share of so many examples; also where it is 0 or 1.

    Source: E. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if not examples:
        return 0.0, 1.0
    middle = share + Z * Z / (2 * examples)
    width = Z * math.sqrt(share * (1 - share) / examples + Z * Z / (4 * examples**2))
    below = 1 + Z * Z / examples
    return max(0.0, (middle - width) / below), min(1.0, (middle + width) / below)


def area(value: float, positive: int, negative: int) -> Interval:
    """The interval of an area under the ROC curve. Source: J. Hanley, B. McNeil, Radiology 143 (1982)."""
    if not positive or not negative:
        return math.nan, math.nan
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = (value * (1 - value) + (positive - 1) * (q1 - value**2) + (negative - 1) * (q2 - value**2)) / (
        positive * negative
    )
    width = Z * math.sqrt(max(variance, 0.0))
    return max(0.0, value - width), min(1.0, value + width)


def mean(values: np.ndarray) -> Interval:
    """The interval of the mean of values that are numbers."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return math.nan, math.nan
    width = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - width, float(values.mean()) + width


def of_metric(
    metric: str, value: float, examples: int, predictions: Predictions, rows: np.ndarray, output: str = ""
) -> Interval | None:
    """The interval around a metric of the verdict; None where the predictions do not tell it.

    Shares of examples have Wilson's, the AUC Hanley and McNeil's, means that of the central limit theorem; others the
    percentiles of bootstrap samples (B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993).

    Args:
      metric: as in the verdict.
      value: of it.
      examples: that it was measured on.
      predictions: of the run.
      rows: those of the slice, bool [N]; where they are a sample of the examples, the interval is as for all.
      output: the label, of several.
    """
    if metric in _SHARES:
        return wilson(value, examples)
    found = _of_sample(metric, predictions, rows, output or (predictions.labels or [""])[0])
    if found is None or not all(map(math.isfinite, found)):
        return None
    low, middle, high = found
    shrink = math.sqrt(min(1.0, rows.sum() / examples)) if examples else 1.0
    most = 1.0 if predictions.task in ("binary", "multiclass") and metric != "loss" else math.inf
    return max(0.0, value - (middle - low) * shrink), min(most, value + (high - middle) * shrink)


def _of_sample(
    metric: str, of: Predictions, rows: np.ndarray, output: str
) -> tuple[float, float, float] | None:
    """Lower end, value and upper end of the metric of these rows."""
    if not rows.any() or metric in _ENTITIES or metric == "bleu":
        return None
    if of.task == "regression":
        true, predicted = (values[rows] for values in of.numbers(output))
        errors = (true - predicted)[np.isfinite(true - predicted)]
        if metric == "mae":
            return _around(np.abs(errors))
        squared = _around(np.square(errors))
        if metric == "mse":
            return squared
        return tuple(math.sqrt(max(end, 0.0)) for end in squared)  # type: ignore[return-value]
    if metric == "perplexity" and of.has("tokens"):
        return _perplexity(of.loss[rows], of.column("tokens")[rows])
    if of.task not in ("binary", "multiclass"):
        return None
    true, scores = of.true[rows], of.scores[rows]
    if metric == "loss":
        return _around(of.loss[rows])
    if metric == "auc":
        value = figures.area_under_curve(true, scores)
        low, high = area(value, int((true == 1).sum()), int((true != 1).sum()))
        return low, value, high
    return _bootstrap(lambda chosen: figures.of_classes(metric, true[chosen], scores[chosen]), len(true))


def _around(values: np.ndarray) -> tuple[float, float, float]:
    low, high = mean(values)
    finite = values[np.isfinite(values)]
    return low, float(finite.mean()) if len(finite) else math.nan, high


def _perplexity(nats: np.ndarray, tokens: np.ndarray) -> tuple[float, float, float]:
    """The exponential of a ratio of sums, whose error is that of its residuals (the delta method)."""
    known = np.isfinite(nats) & (tokens > 0)
    nats, tokens = nats[known], tokens[known]
    if len(nats) < 2:
        return math.nan, math.nan, math.nan
    ratio = float((nats * tokens).sum() / tokens.sum())
    residuals = (nats - ratio) * tokens / tokens.mean()
    width = Z * float(residuals.std(ddof=1)) / math.sqrt(len(nats))
    return math.exp(ratio - width), math.exp(ratio), math.exp(ratio + width)


def _bootstrap(figure: Callable[[np.ndarray], float], count: int) -> tuple[float, float, float]:
    """Percentiles of samples of MOST_DRAWN rows at most, whose spread is as much larger as they are fewer."""
    random = np.random.default_rng(0)
    size = min(count, MOST_DRAWN)
    value = figure(np.arange(count))
    drawn = np.array([figure(random.integers(0, count, size)) for _ in range(DRAWS)])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < DRAWS / 2:
        return math.nan, value, math.nan
    low, high = (float(end) for end in np.percentile(drawn, [2.5, 97.5]))
    middle, shrink = float(np.median(drawn)), math.sqrt(size / count)
    return value - max(middle - low, 0.0) * shrink, value, value + max(high - middle, 0.0) * shrink
