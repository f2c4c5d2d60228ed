"""Permutation importance of features that were planted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.attributions import permutation
from components.evaluator import figures

ROWS = 400


def serialized(rows: Sequence[dict[str, Any]]) -> list[bytes]:
    examples = []
    for row in rows:
        example = tf.train.Example()
        for name, value in row.items():
            feature = example.features.feature[name]
            if isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif value is not None:
                feature.float_list.value.append(value)
        examples.append(bytes(example.SerializeToString()))
    return examples


def value(example: bytes, name: str) -> Any:
    feature = tf.train.Example.FromString(example).features.feature[name]
    values = getattr(feature, feature.WhichOneof("kind")).value if feature.WhichOneof("kind") else [0.0]
    return values[0]


@pytest.fixture(scope="module")
def planted() -> tuple[list[bytes], np.ndarray]:
    """The class is whether `signal` is above 0, but where `kind` is "other": there nothing tells it."""
    random = np.random.default_rng(0)
    signal, noise, coin = random.normal(size=[3, ROWS])
    other = random.random(ROWS) < 0.3
    rows = [
        {
            "signal": float(signal[row]) if row % 50 else None,
            "noise": float(noise[row]),
            "kind": "other" if other[row] else "plain",
        }
        for row in range(ROWS)
    ]
    known = np.array([row["signal"] or 0.0 for row in rows])
    return serialized(rows), np.where(other, coin > 0, known > 0).astype(np.int64)


def ask(examples: Sequence[bytes]) -> dict[str, np.ndarray]:
    """A model that looks at `signal` alone."""
    return {"probability": np.array([[1 / (1 + np.exp(-5 * value(one, "signal")))] for one in examples])}


def measured(examples: list[bytes], true: np.ndarray, **changes: Any) -> list[dict[str, Any]]:
    slices = {"kind=other": np.array([value(one, "kind") == b"other" for one in examples])}
    settings = {"higher_is_better": True, "slices": slices, "repeats": 3, "seed": 1, **changes}
    metric = settings.pop("metric", "accuracy")
    of = {"": lambda answers, rows: figures.of_classes(metric, true[rows], answers["probability"][rows])}
    return permutation.importances(ask, examples, ["kind", "noise", "signal"], of, **settings)


def test_the_planted_feature_is_the_only_one(planted: tuple[list[bytes], np.ndarray]) -> None:
    rows = measured(*planted)
    overall = {row["feature"]: row for row in rows if row["slice"] == "overall"}
    assert [row["feature"] for row in rows][:3] == ["signal", "kind", "noise"]
    assert overall["signal"]["share"] == 1.0
    assert overall["signal"]["lower"] > 0.15
    for feature in ("noise", "kind"):
        assert overall[feature]["importance"] == overall[feature]["upper"] == 0.0
    examples, true = planted
    own = figures.of_classes("accuracy", true, ask(examples)["probability"])
    assert overall["signal"]["value"] == pytest.approx(own)
    # Where nothing tells the class, what the model looks at is worth nothing: 0 is in the interval.
    row = next(row for row in rows if (row["slice"], row["feature"]) == ("kind=other", "signal"))
    assert row["lower"] < 0 < row["upper"]
    assert row["examples"] == sum(value(one, "kind") == b"other" for one in examples)


def test_the_drop_is_what_shuffled_values_cost(planted: tuple[list[bytes], np.ndarray]) -> None:
    examples, true = planted
    (row, *_) = measured(examples, true, repeats=20)
    random = np.random.default_rng(5)
    signal = np.array([value(one, "signal") for one in examples])
    drops = [
        np.mean((signal > 0) == true) - np.mean((random.permutation(signal) > 0) == true) for _ in range(200)
    ]
    assert row["importance"] == pytest.approx(np.mean(drops), abs=0.02)
    assert row["lower"] < np.mean(drops) < row["upper"]


def test_a_metric_that_should_be_low_rises(planted: tuple[list[bytes], np.ndarray]) -> None:
    rows = measured(*planted, metric="loss", higher_is_better=False)
    assert (rows[0]["feature"], rows[0]["lower"] > 0.3) == ("signal", True)


def test_the_same_seed_gives_the_same_figures(planted: tuple[list[bytes], np.ndarray]) -> None:
    assert measured(*planted) == measured(*planted)
    assert measured(*planted) != measured(*planted, seed=2)


def test_a_missing_value_moves_with_the_others(planted: tuple[list[bytes], np.ndarray]) -> None:
    examples, _ = planted
    order = np.random.default_rng(0).permutation(ROWS)
    permuted = list(permutation._permuted(examples, "signal", order))
    assert [value(one, "signal") for one in permuted] == [value(examples[place], "signal") for place in order]
    assert [value(one, "noise") for one in permuted] == [value(one, "noise") for one in examples]


def test_a_slice_in_which_the_metric_is_not_defined_is_left_out(
    planted: tuple[list[bytes], np.ndarray],
) -> None:
    examples, true = planted
    only_positive = {"positive": true == 1, "half": np.arange(ROWS) < ROWS / 2}
    rows = measured(examples, true, metric="auc", slices=only_positive)
    assert {row["slice"] for row in rows} == {"overall", "half"}
    assert all(np.isfinite([row["lower"], row["upper"]]).all() for row in rows)
