"""How differently a model treats the values of a column: rates of a classifier, mean errors of a regression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reports.intervals import Interval, mean, wilson
from reports.predictions import Predictions

FEWEST = 10
MOST_CLASSES = 20


@dataclass(frozen=True)
class Rate:
    """A rate of some examples, or a mean error: NaN where it is not defined."""

    value: float
    interval: Interval
    examples: int


@dataclass(frozen=True)
class Gap:
    """The largest difference of a rate between two values of a column, with its interval of 95 %."""

    measure: str
    value: float
    interval: Interval
    highest: str
    lowest: str

    @property
    def is_certain(self) -> bool:
        """Whether no difference at all is outside of the interval."""
        return self.interval[0] > 0


@dataclass(frozen=True)
class Column:
    """Of each value of a column the examples and the rates by measure, and the gaps between the values."""

    name: str
    rates: dict[str, dict[str, Rate]]
    examples: dict[str, int]
    gaps: list[Gap]


def of_column(name: str, groups: Mapping[str, np.ndarray], of: Predictions) -> Column | None:
    """The rates of each group, and the gaps; None where fewer than two groups have FEWEST examples.

    A binary model has its rate of positive answers (demographic parity) and its rates of true and false positives
    (equalized odds; M. Hardt, E. Price, N. Srebro, "Equality of Opportunity in Supervised Learning", 2016). A multiclass
    model has its accuracy, and of each class the share of its labels that are found. A regression has the mean of the
    errors, predicted minus true, and of their absolute values. The interval of a gap is that of a difference of
    independent rates (R. Newcombe, "Interval estimation for the difference between independent proportions", 1998,
    method 10), for all pairs of groups together (Bonferroni) where there are more than two.
    """
    groups = {value: rows for value, rows in groups.items() if rows.sum() >= FEWEST}
    if len(groups) < 2:
        return None
    rates: dict[str, dict[str, Rate]] = {}
    for value, rows in groups.items():
        for measure, rate in _rates(of, rows).items():
            rates.setdefault(measure, {})[value] = rate
    gaps = [gap for measure, by_value in rates.items() if (gap := _gap(measure, by_value)) is not None]
    return Column(name, rates, {value: int(rows.sum()) for value, rows in groups.items()}, gaps)


def _rates(of: Predictions, rows: np.ndarray) -> dict[str, Rate]:
    if of.task == "regression":
        found = {}
        for label in of.labels:
            true, predicted = of.numbers(label)
            errors = (predicted - true)[rows]
            suffix = f" of {label}" if len(of.labels) > 1 else ""
            found[f"mean error{suffix}"] = _mean(errors)
            found[f"mean absolute error{suffix}"] = _mean(np.abs(errors))
        return found
    true, predicted = of.true[rows], of.predicted[rows]
    if of.task == "binary":
        return {
            "positive answers": _share(predicted == 1),
            "true positive rate": _share(predicted[true == 1] == 1),
            "false positive rate": _share(predicted[true == 0] == 1),
        }
    found = {"accuracy": _share(predicted == true)}
    for place, name in enumerate(of.names[:MOST_CLASSES]):
        found[f"recall of {name}"] = _share(predicted[true == place] == place)
    return found


def _share(right: np.ndarray) -> Rate:
    if not len(right):
        return Rate(math.nan, (math.nan, math.nan), 0)
    return Rate(float(right.mean()), wilson(float(right.mean()), len(right)), len(right))


def _mean(values: np.ndarray) -> Rate:
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return Rate(math.nan, (math.nan, math.nan), len(known))
    return Rate(float(known.mean()), mean(known), len(known))


def _gap(measure: str, rates: Mapping[str, Rate]) -> Gap | None:
    known = {
        value: rate for value, rate in rates.items() if not math.isnan(rate.value) and rate.examples >= FEWEST
    }
    if len(known) < 2:
        return None
    highest, lowest = (pick(known, key=lambda value: known[value].value) for pick in (max, min))
    high, low = known[highest], known[lowest]
    wider = _wider(len(known) * (len(known) - 1) // 2)
    difference = high.value - low.value
    below = math.hypot(high.value - high.interval[0], low.interval[1] - low.value) * wider
    above = math.hypot(high.interval[1] - high.value, low.value - low.interval[0]) * wider
    return Gap(measure, difference, (difference - below, difference + above), highest, lowest)


def _wider(pairs: int) -> float:
    """By how much intervals of 95 % grow when they are to hold for so many pairs together."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - 0.025 / pairs) / NormalDist().inv_cdf(0.975)
