"""Distributions of several splits on one scale, and small pictures of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from reports.run.feature_statistics import Bucket, Feature

BINS = 20
WIDTH, HEIGHT = 200, 60
_TAIL, _FEW = 0.9, 3


@dataclasses.dataclass(frozen=True)
class Series:
    """A feature as one data set has it; `number` is which colour it gets: 0 train, 1 valid, 2 eval, 3 earlier data."""

    label: str
    number: int
    feature: Feature


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Shares of the values, one row a series, in the bins between `edges`; `beyond`: the largest share right or left of them."""

    edges: np.ndarray
    shares: np.ndarray
    beyond: float


def histogram(series: Sequence[Series]) -> Histogram | None:
    """The histograms of numbers on common edges; None where no series has one.

    Within a bucket of the statistics values are taken as spread evenly. Where a few large values would squeeze all
    others into one bar, the picture ends at the outer tenths.
    """
    known = [one.feature for one in series if one.feature.equal_width]
    if not known:
        return None
    low = min(feature.equal_width[0][0] for feature in known)
    high = max(feature.equal_width[-1][1] for feature in known)
    edges = _edges(low, high)
    squeezed = _are_squeezed(known, edges)
    if squeezed:
        inner = [bucket for feature in known for bucket in feature.quantiles[1:-1]]
        start, end = min(bucket[0] for bucket in inner), max(bucket[1] for bucket in inner)
        edges = _edges(start, end) if end > start else edges
    shares = [
        rebinned(one.feature.quantiles if squeezed else one.feature.equal_width, edges) for one in series
    ]
    table = np.array(shares)
    present = table[[bool(one.feature.equal_width) for one in series]]
    return Histogram(edges, table, float(max(0.0, 1 - present.sum(axis=1).min())))


def _edges(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])


def _are_squeezed(features: Sequence[Feature], edges: np.ndarray) -> bool:
    """Whether nearly all values of each feature would be in two of the bars, though they are not few."""
    for feature in features:
        shares = rebinned(feature.equal_width, edges)
        distinct = {bucket[0] for bucket in feature.quantiles}
        if len(distinct) <= _FEW or len(shares) < 2 or (shares[1:] + shares[:-1]).max() <= _TAIL:
            return False
    return True


def rebinned(buckets: Sequence[Bucket], edges: np.ndarray) -> np.ndarray:
    """Shares of all values in the bins between `edges`, float64 [bins]; zeros where there are no values."""
    shares = np.zeros(len(edges) - 1)
    total = sum(count for _, _, count in buckets)
    if not total:
        return shares
    for low, high, count in buckets:
        if high > low and edges[-1] > edges[0]:
            overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
            shares += count * np.clip(overlap, 0, None) / (high - low)
        elif edges[0] <= low <= edges[-1]:
            place = int(np.searchsorted(edges, low, side="right")) - 1
            shares[min(place, len(shares) - 1)] += count
    return shares / total


def picture(found: Histogram, series: Sequence[Series], description: str) -> Markup:
    """The first series as bars, the others as lines, as a small SVG that takes the width it is given."""
    top = float(found.shares.max()) or 1.0
    parts: list[str] = []
    step = WIDTH / found.shares.shape[1]
    for one, shares in zip(series, found.shares, strict=True):
        if not shares.any():
            continue
        heights = HEIGHT - 1 - (HEIGHT - 4) * shares / top
        if not parts:
            outline = "".join(
                f"M{i * step + step * 0.06:.1f} {HEIGHT}V{y:.1f}h{step * 0.88:.1f}V{HEIGHT}z"
                for i, y in enumerate(heights)
                if shares[i]
            )
            parts.append(f'<path class="bars c{one.number}" d="{outline}"/>')
        else:
            outline = f"M0 {HEIGHT}" + "".join(
                f"V{y:.1f}H{(i + 1) * step:.1f}" for i, y in enumerate(heights)
            )
            parts.append(f'<path class="line c{one.number}" d="{outline}V{HEIGHT}"/>')
    return Markup(
        '<svg class="hist" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, description, Markup("".join(parts)))


@dataclasses.dataclass(frozen=True)
class Value:
    """A text value, and its share in each series (None where the statistics do not list it)."""

    name: str
    shares: Sequence[float | None]


def top_values(series: Sequence[Series], most: int) -> tuple[list[Value], int]:
    """The most frequent values of all series, at most `most`, and how many distinct ones there are beside them.

    Shares are of the values of each series. Statistics list 1,000 values at most: a value that a series does not list
    is None there when that list is cut, else 0.
    """
    counts = [dict(one.feature.top) for one in series]
    known: set[str] = set().union(*counts)
    # A value that is among the most frequent of all is among those of some series.
    candidates: dict[str, list[float | None]] = {
        name: [] for one in series for name, _ in one.feature.top[:most]
    }
    for one, found in zip(series, counts, strict=True):
        is_cut = (one.feature.unique or 0) > len(found)
        for name, row in candidates.items():
            row.append(
                None if is_cut and name not in found else found.get(name, 0) / max(1, one.feature.values)
            )
    order = sorted(candidates, key=lambda name: (-max(share or 0 for share in candidates[name]), name))
    distinct = max([len(known), *(one.feature.unique or 0 for one in series)])
    kept = [Value(name, candidates[name]) for name in order[:most]]
    return kept, distinct - len(kept)
