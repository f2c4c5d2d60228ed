"""Integrated gradients: how much of an answer each input brings about, against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from components.attributions.constants import OVERALL
from components.attributions.shares import with_shares

Tensors = dict[str, tf.Tensor]
Answer = Callable[[Tensors], tf.Tensor]
"""From inputs [B, ...] by feature to the number that is explained, [B]."""
_QUANTILE = 1.96


@dataclass(frozen=True)
class Integrated:
    """Attributions float32 [B, ...] by feature, the answers to the examples and to their baselines, float32 [B]."""

    values: Mapping[str, np.ndarray]
    answers: np.ndarray
    of_baseline: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """How far the attributions of each example are from the difference of its answers, which they should add up to."""
        sums = sum(values.reshape(len(values), -1).sum(axis=1) for values in self.values.values())
        return np.abs(sums - (self.answers - self.of_baseline))


def integrate(
    answer: Answer, inputs: Mapping[str, Any], baseline: Mapping[str, Any], steps: int
) -> Integrated:
    """The integral of the gradient on the straight line from the baseline to the inputs, times their difference.

    The integral is taken by the midpoint rule with `steps` points. Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic
    Attribution for Deep Networks" (2017), equation 1 and its approximation, equation 3.

    Args:
      answer: what is differentiated.
      inputs: float [B, ...] by feature.
      baseline: the same, or of one row that holds for all.
      steps: points on the line.
    """
    ends = {name: tf.cast(value, tf.float32) for name, value in inputs.items()}
    begins = {
        name: tf.cast(value, tf.float32) + tf.zeros_like(ends[name]) for name, value in baseline.items()
    }
    ways = {name: ends[name] - begins[name] for name in ends}
    sums = {name: tf.zeros_like(way) for name, way in ways.items()}

    for step in range(steps):
        share = (step + 0.5) / steps
        points = {name: begins[name] + share * ways[name] for name in ends}
        with tf.GradientTape() as tape:
            tape.watch(points)
            told = answer(points)
        slopes = tape.gradient(told, points, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        sums = {name: sums[name] + slopes[name] for name in ends}
    return Integrated(
        {name: (ways[name] * sums[name] / steps).numpy() for name in ends},
        answer(ends).numpy(),
        answer(begins).numpy(),
    )


def importances(
    values: Mapping[str, np.ndarray], output: str, slices: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """What a feature brings about on average, overall and in slices.

    Args:
      values: attributions float [N] by feature, each the sum of those of its inputs.
      output: that is explained.
      slices: name -> the examples in it, bool [N].

    Returns:
      {slice, output, feature, examples, importance (the mean of the absolute attributions), lower, upper (its interval
      of 95 %), mean (with its sign), share}.
    """
    rows = []
    for name, chosen in {OVERALL: np.ones(len(next(iter(values.values()))), bool), **slices}.items():
        for feature, all_values in values.items():
            found = all_values[chosen].astype(np.float64)
            absolute = np.abs(found)
            error = absolute.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else float("nan")
            mean = float(absolute.mean())
            rows.append(
                {
                    "slice": name,
                    "output": output,
                    "feature": feature,
                    "examples": len(found),
                    "importance": mean,
                    "lower": mean - _QUANTILE * float(error),
                    "upper": mean + _QUANTILE * float(error),
                    "mean": float(found.mean()),
                }
            )
    return with_shares(rows)


def tokens(
    words: Sequence[Sequence[str]], values: Sequence[np.ndarray], fewest: int = 5
) -> list[dict[str, Any]]:
    """The words that stand in at least `fewest` examples: {token, examples, mean}, by the mean attribution, highest first."""
    found: dict[str, list[float]] = {}
    seen: dict[str, int] = {}
    for row, shares in zip(words, values, strict=True):
        for word, share in zip(row, shares, strict=False):
            if word:
                found.setdefault(word, []).append(float(share))
        for word in {word for word in row if word}:
            seen[word] = seen.get(word, 0) + 1
    rows = [
        {"token": word, "examples": seen[word], "mean": float(np.mean(shares))}
        for word, shares in found.items()
        if seen[word] >= fewest
    ]
    return sorted(rows, key=lambda row: (-row["mean"], row["token"]))
