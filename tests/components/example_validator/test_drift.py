"""Drift of columns, by TFDV's statistics of rows whose distributions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.example_validator import drift, tenths
from components.example_validator.executor import tolerate


def described(**columns: Any) -> statistics_pb2.DatasetFeatureStatisticsList:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))


def sample(seed: int, count: int, shift: float = 0.0, cash: float = 0.5) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    fares = draw.exponential(10.0, count) + shift
    # One extreme value makes a histogram of equal width coarse.
    fares[0] = 10_000.0 if seed == 1 else 200.0
    return {"fare": fares, "paid": np.where(draw.random(count) < cash, "cash", "card")}


@pytest.fixture(scope="module")
def train() -> statistics_pb2.DatasetFeatureStatisticsList:
    return described(**sample(1, 4000))


def rows_of(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    train: statistics_pb2.DatasetFeatureStatisticsList,
    bound: float | None = None,
) -> dict[str, dict[str, Any]]:
    schema = tfdv.infer_schema(train)
    if bound is not None:
        tfdv.get_feature(schema, "paid").drift_comparator.jensen_shannon_divergence.threshold = bound
    measured = drift.measuring(schema, current, train)
    found = tfdv.validate_statistics(current, measured, previous_statistics=train)
    result = drift.rows(found, schema, current, train, described(**sample(2, 1000)))
    return {row["column"]: row for row in result}


def test_a_sample_of_the_same_has_not_drifted(train: Any) -> None:
    rows = rows_of(described(**sample(3, 1000)), train)
    assert {name: row["drifted"] for name, row in rows.items()} == {"fare": False, "paid": False}
    # The gate's measure is misled by the extreme value, the tenths are not.
    assert rows["fare"]["divergence"] > 0.1
    assert rows["fare"]["moved"] < 0.01
    assert rows["fare"]["by_chance"] < 0.01


def test_columns_that_moved_are_told_and_the_farthest_is_first(train: Any) -> None:
    rows = rows_of(described(**sample(4, 1000, shift=15.0, cash=0.9)), train)
    assert list(rows) == ["fare", "paid"]
    assert rows["fare"]["drifted"]
    assert rows["fare"]["moved"] > 0.4
    # Of (0.9, 0.1) and (0.5, 0.5), to the base 2.
    assert rows["paid"]["divergence"] == pytest.approx(0.147, abs=0.02)
    assert rows["paid"]["moved"] == rows["paid"]["divergence"]
    assert rows["paid"]["drifted"]


@pytest.mark.parametrize(("bound", "drifted"), [(0.1, True), (0.2, False)])
def test_a_bound_decides_where_one_is_set(train: Any, bound: float, drifted: bool) -> None:
    row = rows_of(described(**sample(4, 1000, cash=0.9)), train, bound)["paid"]
    assert (row["bound"], row["drifted"]) == (bound, drifted)


def test_fewer_examples_drift_farther_by_chance(train: Any) -> None:
    many, few = (rows_of(described(**sample(5, count)), train)["paid"]["by_chance"] for count in (1000, 100))
    # (1/100 + 1/4000) / (1/1000 + 1/4000)
    assert few == pytest.approx(8.2 * many, rel=1e-6)


def test_the_divergence_over_tenths_of_values_that_come_often() -> None:
    zeros = described(x=[0.0] * 500 + list(np.linspace(1, 2, 500)))
    fewer = described(x=[0.0] * 100 + list(np.linspace(1, 2, 900)))
    numbers = [one.datasets[0].features[0].num_stats for one in (zeros, fewer)]
    assert tenths.divergence(numbers[0], numbers[0]) == pytest.approx(0.0, abs=1e-6)
    # Half of the values against a tenth: (0.5, 0.5) and (0.1, 0.9), as the rest is spread alike.
    assert tenths.divergence(numbers[1], numbers[0]) == pytest.approx(0.147, abs=0.02)


def test_a_share_of_new_values_is_tolerated() -> None:
    base = described(city=["Oslo", "Rome"] * 50)
    some, many = (described(city=["Oslo", "Rome"] * 48 + ["Bern"] * n) for n in (4, 20))
    schema = tfdv.infer_schema(base)
    assert list(tfdv.validate_statistics(some, schema).anomaly_info) == ["city"]
    tolerate(schema, 0.05)
    assert list(tfdv.validate_statistics(some, schema).anomaly_info) == []
    assert list(tfdv.validate_statistics(many, schema).anomaly_info) == ["city"]
