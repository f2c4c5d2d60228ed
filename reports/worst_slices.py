"""The slices in which a model is worst, found among the values of all raw features and of pairs of them."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

CONFIDENCE = 0.95
BUCKETS = 5
MOST_VALUES = 20
MOST_FEATURES = 40
FEWEST = 20
FEWEST_SHARE = 0.01
SAME = 0.8
"""Two parts that share more than this of their examples are told once."""
LONGEST = 60
MOST_PAIRED = 60
"""Parts of single features whose pairs are looked at: those with the highest loss."""


@dataclass(frozen=True)
class Part:
    """Examples that have a value, or one in a range, of one or two features.

    rows: among the examples that have a loss. loss, other: the mean loss in it and of the other examples. lower: what the difference is at least, by an interval
    that holds for all parts that were looked at together.
    """

    name: str
    features: tuple[str, ...]
    rows: np.ndarray
    loss: float
    other: float
    lower: float

    @property
    def examples(self) -> int:
        return int(self.rows.sum())

    @property
    def difference(self) -> float:
        return self.loss - self.other


@dataclass(frozen=True)
class Found:
    """The parts whose loss is higher for certain, worst first, and how many were looked at."""

    parts: list[Part]
    looked_at: int


def find(raw: Mapping[str, Sequence[Any]], loss: np.ndarray, most: int = 10) -> Found:
    """The slices with the largest lower bound of the difference between their mean loss and that of the other examples.

    Numbers are cut at the quantiles of the examples into BUCKETS parts, texts make a part of each of their MOST_VALUES
    most frequent values (texts that hardly ever come twice by their length), missing values make one. A part has FEWEST examples and FEWEST_SHARE of all at least. Bounds are
    those of Welch's t-test, one-sided, at a level of CONFIDENCE for all parts together (Bonferroni): where nothing is
    wrong, 95 of 100 reports show none. A pair of features is told only where it is worse than both of its features.

    Source: Y. Chung, T. Kraska, N. Polyzotis, K. Tae, S. Whang, "Slice Finder: Automated Data Slicing for Model
    Validation" (ICDE 2019); it asks for an effect size and spends an alpha where this takes the bound.

    Args:
      raw: a value of each example by feature, None where it is missing.
      loss: of each example, NaN for those that do not count.
      most: how many are told.
    """
    known = np.isfinite(loss)
    values, count = loss[known], int(known.sum())
    fewest = max(FEWEST, math.ceil(FEWEST_SHARE * count))
    singles = [
        (part, feature, rows[known])
        for feature in sorted(raw)[:MOST_FEATURES]
        for part, rows in parts_of(feature, raw[feature]).items()
        if fewest <= rows[known].sum() <= count - fewest
    ]
    if not singles:
        return Found([], 0)
    members = np.stack([rows for _, _, rows in singles]).astype(np.float64)
    sums = _Sums(members.sum(1), members @ values, members @ values**2)
    paired = np.argsort(-sums.loss / sums.examples, kind="stable")[:MOST_PAIRED]
    some = members[paired]
    pairs = _Sums(some @ some.T, (some * values) @ some.T, (some * values**2) @ some.T)
    told = [
        (i, j)
        for i, j in itertools.combinations(range(len(paired)), 2)
        if singles[paired[i]][1] != singles[paired[j]][1] and fewest <= pairs.examples[i, j] <= count - fewest
    ]
    level = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (len(singles) + len(told)))
    whole = _Sums(np.array(float(count)), np.array(values.sum()), np.array((values**2).sum()))
    lower = _lower(sums, whole, level)
    mean = sums.loss / sums.examples
    found: list[tuple[float, tuple[int, ...]]] = [
        (float(lower[i]), (i,)) for i in range(len(singles)) if lower[i] > 0
    ]
    bounds = _lower(pairs, whole, level)
    for i, j in told:
        halves = (int(paired[i]), int(paired[j]))
        of_pair = pairs.loss[i, j] / pairs.examples[i, j]
        if bounds[i, j] > max(0.0, *(lower[half] for half in halves)) and of_pair > max(
            mean[half] for half in halves
        ):
            found.append((float(bounds[i, j]), halves))
    return Found(_distinct(found, singles, members, values, most), len(singles) + len(told))


def parts_of(feature: str, values: Sequence[Any]) -> dict[str, np.ndarray]:
    """The parts of a feature by name, bool [N]: its values, the quantiles of its numbers, and where it is missing."""
    missing = np.array([value is None for value in values])
    found = {f"{feature} missing": missing} if missing.any() else {}
    present = [value for value in values if value is not None]
    distinct = Counter(present)
    if len(distinct) <= 1 and not missing.any():
        return found
    if is_prose(present):
        lengths = [None if value is None else len(value) for value in values]
        return found | parts_of(f"length of {feature}", lengths)
    if any(isinstance(value, str) for value in present) or len(distinct) <= BUCKETS:
        frequent = sorted(distinct, key=lambda value: (-distinct[value], str(value)))[:MOST_VALUES]
        index = {value: place for place, value in enumerate(frequent)}
        places = np.array([index.get(value, -1) for value in values])
        return found | {f"{feature} = {_shown(value)}": places == place for value, place in index.items()}
    numbers = np.array([math.nan if value is None else float(value) for value in values])
    whole = all(isinstance(value, int) for value in present)
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, BUCKETS + 1)))
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        last = place == len(edges) - 2
        inside = (numbers >= low) & ((numbers <= high) if last else (numbers < high))
        ends = [int(end) if whole else float(end) for end in (low, high)]
        found[f"{feature} {_shown(ends[0])} to {_shown(ends[1])}"] = inside
    return found


def is_prose(values: Sequence[Any]) -> bool:
    """Whether these are texts that hardly ever come twice: their length is what can be grouped by."""
    texts = [value for value in values if isinstance(value, str)]
    return len(texts) == len(values) > 0 and 2 * len(set(texts)) > len(texts)


@dataclass(frozen=True)
class _Sums:
    """Of parts: how many examples, and the sums of their losses and of the squares of these."""

    examples: np.ndarray
    loss: np.ndarray
    squares: np.ndarray


def _lower(parts: _Sums, whole: _Sums, level: float) -> np.ndarray:
    """The lower bound of the difference to the other examples, by Welch's t; -inf where there are too few.

    The quantile of t is that of the normal distribution, corrected for the degrees of freedom (E. Cornish, R. Fisher,
    1938).
    """
    others = _Sums(whole.examples - parts.examples, whole.loss - parts.loss, whole.squares - parts.squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        error, freedom = np.zeros_like(parts.loss), np.zeros_like(parts.loss)
        for side in (parts, others):
            spread = np.maximum(side.squares - side.loss**2 / side.examples, 0.0) / (side.examples - 1)
            error += spread / side.examples
            freedom += (spread / side.examples) ** 2 / (side.examples - 1)
        freedom = error**2 / freedom
        t = (
            level
            + (level**3 + level) / (4 * freedom)
            + (5 * level**5 + 16 * level**3 + 3 * level) / (96 * freedom**2)
        )
        bound = parts.loss / parts.examples - others.loss / others.examples - t * np.sqrt(error)
    return np.where(np.isfinite(bound), bound, -np.inf)


def _distinct(
    found: Sequence[tuple[float, tuple[int, ...]]],
    singles: Sequence[tuple[str, str, np.ndarray]],
    members: np.ndarray,
    loss: np.ndarray,
    most: int,
) -> list[Part]:
    """The worst parts, without those that are nearly the same examples as a worse one."""
    told: list[Part] = []
    for lower, halves in sorted(found, key=lambda one: (-one[0], one[1])):
        rows: np.ndarray = np.all(members[list(halves)], axis=0)
        if any((rows & part.rows).sum() > SAME * (rows | part.rows).sum() for part in told):
            continue
        told.append(
            Part(
                " and ".join(singles[half][0] for half in halves),
                tuple(singles[half][1] for half in halves),
                rows,
                float(loss[rows].mean()),
                float(loss[~rows].mean()),
                lower,
            )
        )
        if len(told) == most:
            break
    return told


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
    return f"{value:.6g}" if isinstance(value, float) else str(value)
