"""From scores to decisions: the confusion matrix at a threshold, what its errors cost, and thresholds that treat slices alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONSTRAINTS = {
    "equal": "one threshold for all",
    "own": "each slice its own cheapest",
    "parity": "demographic parity: the same share is called positive",
    "opportunity": "equal opportunity: the same share of the true positives is found",
    "accuracy": "equal accuracy: the same share is right",
}
TOLERANCE = 0.01
FEWEST = 10
"""Examples that a rate has to be of: of one positive example it is all or nothing, and would decide for all slices."""
_ROUNDING = 1e-12
# Of two thresholds that cost the same, the one nearer to a half.
_TIE = 1e-9


@dataclass(frozen=True)
class Matrix:
    """Counts of a decision between two classes; shares of nothing are None."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def examples(self) -> int:
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives

    @property
    def positive_rate(self) -> float | None:
        return _share(self.true_positives + self.false_positives, self.examples)

    @property
    def recall(self) -> float | None:
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def precision(self) -> float | None:
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def false_positive_rate(self) -> float | None:
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def accuracy(self) -> float | None:
        return _share(self.true_positives + self.true_negatives, self.examples)

    def cost(self, false_positive: float, false_negative: float) -> float:
        """What the errors cost together."""
        return self.false_positives * false_positive + self.false_negatives * false_negative


@dataclass(frozen=True)
class Group:
    """The scores of a slice, float [N], and which of its examples are positive, bool [N]."""

    scores: np.ndarray
    positive: np.ndarray


@dataclass(frozen=True)
class Choice:
    """Thresholds by slice; `gap` is how far the rates that the constraint is about are apart, None where it is about none.

    `met`: the gap is within the tolerance. `left_out`: slices with too few examples for a rate, each with its own cheapest
    threshold.
    """

    thresholds: dict[str, float]
    cost: float
    gap: float | None
    met: bool
    left_out: tuple[str, ...]


def confusion(group: Group, threshold: float) -> Matrix:
    """The counts when scores above the threshold are called positive, as the model does above 0.5."""
    called, positive = group.scores > threshold, group.positive
    return Matrix(
        int((called & positive).sum()),
        int((called & ~positive).sum()),
        int((~called & positive).sum()),
        int((~called & ~positive).sum()),
    )


def choose(
    groups: Mapping[str, Group],
    constraint: str,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    tolerance: float = TOLERANCE,
    fewest: int = FEWEST,
) -> Choice:
    """The cheapest thresholds that meet a constraint, found by trying all that decide differently.

    The rates of the slices are within `tolerance` of each other: demographic parity and equal opportunity as in Hardt, Price
    and Srebro (2016), "Equality of opportunity in supervised learning". Where no thresholds are that near, those whose gap is
    at most twice the smallest that there is.

    Args:
      groups: slice -> its examples, at least one each.
      constraint: one of CONSTRAINTS.
      false_positive: cost of a negative example that is called positive.
      false_negative: cost of a positive example that is called negative.
      tolerance: the largest gap between rates.
      fewest: a slice whose rate would be of fewer examples is left out.
    """
    if constraint == "equal":
        everyone = Group(
            *(np.concatenate([getattr(g, part) for g in groups.values()]) for part in ("scores", "positive"))
        )
        _, costs, thresholds = _ways(everyone, "parity", false_positive, false_negative)
        best = float(thresholds[_cheapest(costs, thresholds)])
        return _choice(groups, dict.fromkeys(groups, best), None, True, (), false_positive, false_negative)
    ways = {name: _ways(group, constraint, false_positive, false_negative) for name, group in groups.items()}
    left_out = tuple(name for name, group in groups.items() if _rated(group, constraint) < max(fewest, 1))
    bound = {name: way for name, way in ways.items() if name not in left_out}
    picked = {
        name: float(thresholds[_cheapest(costs, thresholds)]) for name, (_, costs, thresholds) in ways.items()
    }
    if constraint == "own" or not bound:
        return _choice(
            groups,
            picked,
            None,
            True,
            () if constraint == "own" else left_out,
            false_positive,
            false_negative,
        )
    allowed = tolerance
    while (found := _within(list(bound.values()), allowed)) is None:
        allowed = max(2 * allowed, 1e-4)
    picked |= {name: float(bound[name][2][place]) for name, place in zip(bound, found, strict=True)}
    rates = [float(bound[name][0][place]) for name, place in zip(bound, found, strict=True)]
    gap = max(rates) - min(rates)
    met = gap <= tolerance + _ROUNDING
    return _choice(groups, picked, gap, met, left_out, false_positive, false_negative)


def candidates(scores: np.ndarray) -> np.ndarray:
    """The thresholds that decide differently, ascending: below all scores, between neighbours, and the highest score."""
    distinct = np.unique(scores)
    lowest = 0.0 if distinct[0] > 0 else distinct[0] - 1e-6
    return np.concatenate([[lowest], (distinct[:-1] + distinct[1:]) / 2, distinct[-1:]])


def _ways(
    group: Group, constraint: str, false_positive: float, false_negative: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rate, cost, threshold) of every way to decide, by rate."""
    order = np.argsort(group.scores, kind="stable")
    scores, positive = group.scores[order], group.positive[order]
    thresholds = candidates(scores)
    below = np.searchsorted(scores, thresholds, side="right")
    positives_below = np.concatenate([[0], np.cumsum(positive)])[below]
    total, positives = len(scores), int(positive.sum())
    missed = positives_below
    found = positives - missed
    wrong = (total - below) - found
    costs = wrong * false_positive + missed * false_negative
    if constraint == "opportunity":
        rates = found / max(positives, 1)
    elif constraint == "accuracy":
        rates = 1 - (wrong + missed) / total
    else:
        rates = (total - below) / total
    by_rate = np.argsort(rates, kind="stable")
    return rates[by_rate], costs[by_rate].astype(float), thresholds[by_rate]


def _rated(group: Group, constraint: str) -> int:
    """How many examples the rate is of."""
    return int(group.positive.sum()) if constraint == "opportunity" else len(group.scores)


def _within(ways: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], allowed: float) -> list[int] | None:
    """A way of each group, together the cheapest of those whose rates lie in one window of this width; None without one."""
    starts = np.unique(np.concatenate([rates for rates, _, _ in ways]))
    total = np.zeros(len(starts))
    for rates, costs, thresholds in ways:
        low, high = _windows(rates, starts, allowed)
        total += _least(costs + _TIE * np.abs(thresholds - 0.5), low, high)
    best = int(np.argmin(total))
    if not np.isfinite(total[best]):
        return None
    found = []
    for rates, costs, thresholds in ways:
        [low], [high] = _windows(rates, starts[best : best + 1], allowed)
        found.append(int(low) + _cheapest(costs[low:high], thresholds[low:high]))
    return found


def _windows(rates: np.ndarray, starts: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.searchsorted(rates, starts - _ROUNDING),
        np.searchsorted(rates, starts + width + _ROUNDING, side="right"),
    )


def _least(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The least of values[low:high] for many ranges at once, infinite for empty ones, by a sparse table."""
    table = [values]
    while 2 ** len(table) <= len(values):
        half = 2 ** (len(table) - 1)
        table.append(np.minimum(table[-1][:-half], table[-1][half:]))
    lengths = high - low
    levels = np.floor(np.log2(np.maximum(lengths, 1))).astype(int)
    found = np.full(len(low), np.inf)
    for level, row in enumerate(table):
        at = (levels == level) & (lengths > 0)
        found[at] = np.minimum(row[low[at]], row[high[at] - 2**level])
    return found


def _cheapest(costs: np.ndarray, thresholds: np.ndarray) -> int:
    return int(np.argmin(costs + _TIE * np.abs(thresholds - 0.5)))


def _choice(
    groups: Mapping[str, Group],
    thresholds: dict[str, float],
    gap: float | None,
    met: bool,
    left_out: tuple[str, ...],
    false_positive: float,
    false_negative: float,
) -> Choice:
    ordered = {name: thresholds[name] for name in groups}
    cost = sum(confusion(groups[name], t).cost(false_positive, false_negative) for name, t in ordered.items())
    return Choice(ordered, cost, gap, met, left_out)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
