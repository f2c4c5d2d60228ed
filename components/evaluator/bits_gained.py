"""Bits gained: what a model knows beyond the frequency of words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

NAME = "bits_gained"
Sums = tuple[float, float]


class BitsGained(metric_types.Metric):
    """(sum of log likelihoods - sum of those by frequency) / number of tokens / log 2, over all tokens of all examples.

    The model answers `log_likelihood` and `unigram_log_likelihood` (float [B], natural logarithm, summed over an example's
    tokens) and `tokens` (float [B], how many were predicted). 0 is no better than frequency; one bit halves the
    perplexity. NaN where no token was predicted.
    """

    def __init__(self, name: str = NAME) -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name)


metric_types.register_metric(BitsGained)


def _computations(
    name: str, model_name: str = "", output_name: str = "", **_: Any
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=BitsGainedCombiner(key))]


class BitsGainedCombiner(beam.CombineFn):
    """Adds up differences of log likelihoods, and tokens."""

    def __init__(self, key: metric_types.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> Sums:
        return 0.0, 0.0

    def add_input(self, accumulator: Sums, element: metric_types.StandardMetricInputs) -> Sums:
        answer = element.get_predictions(self._key.model_name, self._key.output_name)
        gained = np.asarray(answer["log_likelihood"], np.float64) - answer["unigram_log_likelihood"]
        return accumulator[0] + float(np.sum(gained)), accumulator[1] + float(np.sum(answer["tokens"]))

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        gained, tokens = zip(*accumulators, strict=True)
        return math.fsum(gained), math.fsum(tokens)

    def extract_output(self, accumulator: Sums) -> dict[metric_types.MetricKey, float]:
        gained, tokens = accumulator
        return {self._key: gained / tokens / math.log(2) if tokens else math.nan}
