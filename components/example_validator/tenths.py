"""How far numbers have moved over the tenths of what they are compared with.

TFDV's own divergence of numbers is of histograms of equal width, which extreme values make coarse; the tenths hold
equally many values each, wherever those lie.
"""

from __future__ import annotations

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2


def divergence(
    current: statistics_pb2.NumericStatistics, base: statistics_pb2.NumericStatistics
) -> float | None:
    """The Jensen-Shannon divergence (0 to 1) over the tenths of `base`; None without quantiles of both.

    Values that stand for many examples have a part of their own, so that there can be fewer than ten.
    """
    now, before = _cumulative(current), _cumulative(base)
    if now is None or before is None:
        return None
    edges = before[0]
    shares = [np.diff(_share_up_to(edges, *of), prepend=0.0, append=1.0) for of in (now, before)]
    return jensen_shannon(*shares)


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """The divergence of two distributions over the same parts, to the base 2 (J. Lin, 1991)."""
    middle = (one + other) / 2
    halves = []
    for part in (one, other):
        present = part > 0
        halves.append(float(np.sum(part[present] * np.log2(part[present] / middle[present]))))
    return max(0.0, sum(halves) / 2)


def _cumulative(numbers: statistics_pb2.NumericStatistics) -> tuple[np.ndarray, np.ndarray] | None:
    """Values that are edges of quantiles, ascending, and the share of all values up to each."""
    found = [one for one in numbers.histograms if one.type == statistics_pb2.Histogram.QUANTILES]
    if not found or not found[0].buckets:
        return None
    buckets = found[0].buckets
    counts = np.cumsum([0.0, *(bucket.sample_count for bucket in buckets)])
    edges = np.array([buckets[0].low_value, *(bucket.high_value for bucket in buckets)])
    if not np.isfinite(edges).all() or not counts[-1]:
        return None
    # An edge that comes several times is a value with as many tenths to itself: all of them are up to it.
    last = np.append(edges[1:] != edges[:-1], True)
    edges, shares = edges[last], counts[last] / counts[-1]
    if edges[0] == 0:
        # Zeros are counted, and often many: nothing is below them.
        shares[0] = max(shares[0], numbers.num_zeros / numbers.common_stats.num_non_missing)
    return edges, np.maximum.accumulate(shares)


def _share_up_to(at: np.ndarray, edges: np.ndarray, shares: np.ndarray) -> np.ndarray:
    return np.interp(at, edges, shares, left=0.0, right=1.0)
