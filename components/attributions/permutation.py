"""Permutation importance: how much worse the answers are when a feature's values are another example's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.attributions.constants import OVERALL
from components.attributions.shares import with_shares

Answers = Any
Ask = Callable[[Sequence[bytes]], Mapping[str, np.ndarray]]
"""From serialized tf.Examples to a model's answers, [N, ...] by output."""
Figure = Callable[[Mapping[str, np.ndarray], np.ndarray], float]
"""From answers and the places of the examples that count, int [M], to a metric."""

DRAWS = 10
"""Of the examples, with replacement, for each permutation."""
_QUANTILE = 1.96


def importances(
    ask: Ask,
    examples: Sequence[bytes],
    features: Sequence[str],
    figures: Mapping[str, Figure],
    higher_is_better: bool,
    slices: Mapping[str, np.ndarray],
    repeats: int,
    seed: int,
) -> list[dict[str, Any]]:
    """What each feature is worth to a metric, overall and in slices.

    The values of a feature are permuted among all examples, `repeats` times; its importance is how much worse the metric
    becomes, on average. The interval, of 95 %, is as wide as both the permutations and the choice of the examples make it:
    its standard error is that of DRAWS bootstrap samples of the examples for each permutation.

    Source: L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10; of any model: A. Fisher, C. Rudin, F.
    Dominici, "All Models are Wrong, but Many are Useful", JMLR 20 (2019).

    Args:
      ask: the model.
      examples: serialized tf.Examples.
      features: those that are permuted.
      figures: output -> its metric; the output of a classifier is "".
      higher_is_better: of the metric.
      slices: name -> the examples in it, bool [N].
      repeats: permutations of each feature.
      seed: of the permutations and of the draws.

    Returns:
      Of the slices in which the metric is defined {slice, output, feature, examples, value (of the metric without permutation), importance, lower, upper, share}.
    """
    random = np.random.default_rng(seed)
    sign = 1.0 if higher_is_better else -1.0
    places = {
        OVERALL: np.arange(len(examples)),
        **{name: np.flatnonzero(rows) for name, rows in slices.items()},
    }
    draws = {
        name: [random.choice(chosen, len(chosen)) for _ in range(repeats * DRAWS)]
        for name, chosen in places.items()
    }
    own = ask(examples)
    before = {
        (name, output): (figure(own, places[name]), [figure(own, drawn) for drawn in draws[name]])
        for name in places
        for output, figure in figures.items()
    }
    before = {key: found for key, found in before.items() if math.isfinite(found[0])}
    rows: list[dict[str, Any]] = []
    for feature in features:
        worse: dict[tuple[str, str], tuple[list[float], list[float]]] = {key: ([], []) for key in before}
        for repeat in range(repeats):
            permuted = ask(list(_permuted(examples, feature, random.permutation(len(examples)))))
            for (name, output), (means, drawn) in worse.items():
                figure, (value, values) = figures[output], before[name, output]
                means.append(sign * (value - figure(permuted, places[name])))
                for draw in range(repeat * DRAWS, (repeat + 1) * DRAWS):
                    drawn.append(sign * (values[draw] - figure(permuted, draws[name][draw])))
        for (name, output), (means, drawn) in worse.items():
            # A draw in which the metric is not defined, as an AUC of one class, tells nothing.
            mean, error = float(np.mean(means)), float(np.nanstd(drawn, ddof=1))
            rows.append(
                {
                    "slice": name,
                    "output": output,
                    "feature": feature,
                    "examples": len(places[name]),
                    "value": before[name, output][0],
                    "importance": mean,
                    "lower": mean - _QUANTILE * error,
                    "upper": mean + _QUANTILE * error,
                }
            )
    return with_shares(rows)


def _permuted(examples: Sequence[bytes], feature: str, order: np.ndarray) -> Iterator[bytes]:
    """The examples, each with the feature of another one."""
    parsed = [tf.train.Example.FromString(example) for example in examples]
    values = [one.features.feature[feature].SerializeToString() for one in parsed]
    for one, place in zip(parsed, order, strict=True):
        one.features.feature[feature].ParseFromString(values[place])
        yield bytes(one.SerializeToString())
