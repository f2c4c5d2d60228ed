"""Perplexity over examples of different lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.perplexity import PerplexityCombiner

KEY = metric_types.MetricKey(name="perplexity")


def example(log_likelihood: float, tokens: float) -> metric_types.StandardMetricInputs:
    answer = {"log_likelihood": np.array([log_likelihood]), "tokens": np.array([tokens])}
    return metric_types.StandardMetricInputs(labels=None, predictions=answer, example_weights=None)


def value(*groups: list[metric_types.StandardMetricInputs]) -> float:
    combiner = PerplexityCombiner(KEY, "log_likelihood")
    sums = []
    for group in groups:
        accumulator = combiner.create_accumulator()
        for element in group:
            accumulator = combiner.add_input(accumulator, element)
        sums.append(accumulator)
    return combiner.extract_output(combiner.merge_accumulators(sums))[KEY]


def test_of_a_uniform_model_is_the_number_of_tokens_it_chooses_from() -> None:
    assert value([example(7 * math.log(1 / 27), 7)]) == pytest.approx(27)


def test_counts_tokens_not_examples_and_merges() -> None:
    short, long = example(math.log(1 / 2), 1), example(9 * math.log(1 / 4), 9)
    expected = math.exp((math.log(2) + 9 * math.log(4)) / 10)
    assert value([short, long]) == value([short], [long]) == pytest.approx(expected)


def test_without_tokens_it_is_no_number_and_an_impossible_text_is_infinite() -> None:
    assert math.isnan(value([example(0.0, 0)]))
    assert value([example(-math.inf, 3)]) == math.inf
