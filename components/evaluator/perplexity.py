"""Perplexity: how many equally likely tokens a model hesitates between, on average."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

NAME = "perplexity"
Sums = tuple[float, float]


class Perplexity(metric_types.Metric):
    """exp(- sum of log likelihoods / number of tokens), over all tokens of all examples.

    The model answers `log_likelihood` (float [B], natural logarithm, summed over an example's tokens) and `tokens`
    (float [B], how many were predicted). `log_likelihood` names another output to be taken in its place. NaN where no
    token was predicted. Source: F. Jelinek, R. Mercer, L. Bahl, J. Baker, "Perplexity", JASA 62 (1977).
    """

    def __init__(self, name: str = NAME, log_likelihood: str = "log_likelihood") -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations), name=name, log_likelihood=log_likelihood
        )


metric_types.register_metric(Perplexity)


def _computations(
    name: str,
    model_name: str = "",
    output_name: str = "",
    log_likelihood: str = "log_likelihood",
    **_: Any,
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    combiner = PerplexityCombiner(key, log_likelihood)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class PerplexityCombiner(beam.CombineFn):
    """Adds up log likelihoods and tokens."""

    def __init__(self, key: metric_types.MetricKey, log_likelihood: str) -> None:
        self._key = key
        self._log_likelihood = log_likelihood

    def create_accumulator(self) -> Sums:
        return 0.0, 0.0

    def add_input(self, accumulator: Sums, element: metric_types.StandardMetricInputs) -> Sums:
        answer = element.get_predictions(self._key.model_name, self._key.output_name)
        return (
            accumulator[0] + float(np.sum(answer[self._log_likelihood])),
            accumulator[1] + float(np.sum(answer["tokens"])),
        )

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        likelihoods, tokens = zip(*accumulators, strict=True)
        return math.fsum(likelihoods), math.fsum(tokens)

    def extract_output(self, accumulator: Sums) -> dict[metric_types.MetricKey, float]:
        likelihood, tokens = accumulator
        if not tokens:
            return {self._key: math.nan}
        nats = -likelihood / tokens
        return {self._key: math.exp(nats) if nats < 700 else math.inf}
