"""Intervals of 95 % around metrics of held-out examples: how much another draw of examples might move them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from components.evaluator import figures
from components.evaluator.constants import PREDICTIONS, UNIGRAM_LOSS
from components.evaluator.entity_spans import OUTSIDE, entities
from reports.predictions import Predictions

Interval = tuple[float, float]
Z = 1.959964
DRAWS = 200
MOST_DRAWN = 2000
BITS_GAINED, UNIGRAM_PERPLEXITY = _OF_FREQUENCY = ("bits_gained", "unigram_perplexity")
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


def of_class(metric: str, value: float, right: int, given: int, labelled: int) -> Interval | None:
    """The interval of precision, recall or f1 of one class; None where no example is, or was taken for, of that class.

    Precision and recall are shares of the answers and of the examples of the class. With those that are either, f1 is
    2 J / (1 + J) of the share J that is both: Wilson's interval of J gives that of f1 (K. Lam, V. Gopal, J. Qian,
    "Confidence Intervals for the F1 Score: A Comparison of Four Methods", 2023, Wilson indirect).

    Args:
      metric: precision, recall or f1.
      value: of it.
      right: examples of the class that were taken for it.
      given: examples that were taken for it.
      labelled: examples of it.
    """
    if metric == "f1":
        either = given + labelled - right
        if not either:
            return None
        low, high = (2 * end / (1 + end) for end in wilson(value / (2 - value), either))
        return low, high
    count = {"precision": given, "recall": labelled}.get(metric)
    return wilson(value, count) if count else None


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
    least = -math.inf if metric == BITS_GAINED else 0.0
    return max(least, value - (middle - low) * shrink), min(most, value + (high - middle) * shrink)


def why_none(metric: str, predictions: Predictions) -> str:
    """Why predictions do not tell the interval of a metric, as the end of a sentence."""
    needed = {
        "bleu": "prediction",
        **dict.fromkeys(_ENTITIES, "prediction"),
        "perplexity": "tokens",
        **dict.fromkeys(_OF_FREQUENCY, UNIGRAM_LOSS),
    }.get(metric)
    if needed is not None and not predictions.has(needed):
        return f"{PREDICTIONS} has no column {needed}, as an older version of this project wrote it"
    return "too few examples tell it"


def _of_sample(
    metric: str, of: Predictions, rows: np.ndarray, output: str
) -> tuple[float, float, float] | None:
    """Lower end, value and upper end of the metric of these rows."""
    if not rows.any():
        return None
    if metric == "bleu" or metric in _ENTITIES:
        return _of_sentences(metric, of, np.flatnonzero(rows))
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
    if metric in _OF_FREQUENCY and of.has(UNIGRAM_LOSS) and of.has("tokens"):
        by_frequency, tokens = of.column(UNIGRAM_LOSS)[rows], of.column("tokens")[rows]
        if metric == UNIGRAM_PERPLEXITY:
            return _perplexity(by_frequency, tokens)
        low, middle, high = _ratio(by_frequency - of.loss[rows], tokens)
        return low / math.log(2), middle / math.log(2), high / math.log(2)
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


def _of_sentences(metric: str, of: Predictions, rows: np.ndarray) -> tuple[float, float, float] | None:
    """BLEU, or a figure of entities, of samples of the sentences (P. Koehn, "Statistical Significance Tests for Machine
    Translation Evaluation", 2004).
    """
    if not of.has("prediction"):
        return None
    answers, references = of.texts("prediction"), of.texts("reference")
    some = rows[:: max(1, len(rows) // MOST_DRAWN)]
    counts = np.array(
        [
            (_bleu_counts if metric == "bleu" else _tag_counts)(
                metric, references[row] or "", answers[row] or ""
            )
            for row in some
        ]
    )
    figure = _bleu if metric == "bleu" else _of_entities(metric)
    low, middle, high = _bootstrap(lambda chosen: figure(counts[chosen].sum(axis=0)), len(counts))
    shrink = math.sqrt(len(some) / len(rows))
    return middle - (middle - low) * shrink, middle, middle + (high - middle) * shrink


def _bleu_counts(metric: str, reference: str, answer: str) -> list[int]:
    import sacrebleu

    found = sacrebleu.BLEU(force=True).corpus_score([answer], [[reference]])
    return [*found.counts, *found.totals, found.sys_len, found.ref_len]


def _bleu(sums: np.ndarray) -> float:
    import sacrebleu

    numbers = sums.tolist()
    score = sacrebleu.BLEU.compute_bleu(numbers[:4], numbers[4:8], sys_len=numbers[8], ref_len=numbers[9])
    return float(score.score)


def _tag_counts(metric: str, reference: str, answer: str) -> list[int]:
    """What is right, answered and there: entities or tags."""
    there, made = reference.split(), answer.split()
    made = [*made[: len(there)], *[OUTSIDE] * (len(there) - len(made))]
    if metric == "token_accuracy":
        return [sum(map(str.__eq__, there, made)), len(made), len(there)]
    true, found = entities(there), entities(made)
    return [len(true & found), len(found), len(true)]


def _of_entities(metric: str) -> Callable[[np.ndarray], float]:
    def figure(sums: np.ndarray) -> float:
        right, answered, there = (float(count) for count in sums)
        below = {"entity_precision": answered, "entity_f1": (answered + there) / 2}.get(metric, there)
        return right / below if below else math.nan

    return figure


def _around(values: np.ndarray) -> tuple[float, float, float]:
    low, high = mean(values)
    finite = values[np.isfinite(values)]
    return low, float(finite.mean()) if len(finite) else math.nan, high


def _perplexity(nats: np.ndarray, tokens: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = _ratio(nats, tokens)
    return math.exp(low), math.exp(middle), math.exp(high)


def _ratio(nats: np.ndarray, tokens: np.ndarray) -> tuple[float, float, float]:
    """Nats for each token, over all tokens: a ratio of sums, whose error is that of its residuals (the delta method)."""
    known = np.isfinite(nats) & (tokens > 0)
    nats, tokens = nats[known], tokens[known]
    if len(nats) < 2:
        return math.nan, math.nan, math.nan
    ratio = float((nats * tokens).sum() / tokens.sum())
    residuals = (nats - ratio) * tokens / tokens.mean()
    width = Z * float(residuals.std(ddof=1)) / math.sqrt(len(nats))
    return ratio - width, ratio, ratio + width


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
