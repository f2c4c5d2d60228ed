"""Bits gained over examples of different lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.bits_gained import BitsGainedCombiner

KEY = metric_types.MetricKey(name="bits_gained")


def example(log_likelihood: float, unigram: float, tokens: float) -> metric_types.StandardMetricInputs:
    answer = {
        "log_likelihood": np.array([log_likelihood], np.float32),
        "unigram_log_likelihood": np.array([unigram], np.float32),
        "tokens": np.array([tokens], np.float32),
    }
    return metric_types.StandardMetricInputs(labels=None, predictions=answer, example_weights=None)


def value(*elements: metric_types.StandardMetricInputs) -> float:
    combiner = BitsGainedCombiner(KEY)
    sums = [combiner.add_input(combiner.create_accumulator(), element) for element in elements]
    return combiner.extract_output(combiner.merge_accumulators(sums))[KEY]


def test_half_the_perplexity_is_one_bit() -> None:
    assert value(example(-7 * math.log(50), -7 * math.log(100), 7)) == pytest.approx(1)


def test_counts_tokens_not_examples() -> None:
    found = value(example(-1, -2, 1), example(-20, -10, 9))
    assert found == pytest.approx((1 - 10) / 10 / math.log(2))


def test_without_tokens_it_is_no_number() -> None:
    assert math.isnan(value(example(0, 0, 0)))
