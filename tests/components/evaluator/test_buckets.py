"""Buckets of a number: their bounds from statistics, and the names that take its place."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that

from components.evaluator import buckets
from components.evaluator.buckets import Bucket
from components.statistics_gen.statistics import statistics_of

NAMES = {"brightness": ("dark", "middle", "bright"), "size": ("small", "middle", "large")}


@pytest.fixture
def statistics(tmp_path: Path) -> str:
    """Of 3,000 skewed numbers, sizes that are all alike, and a text."""
    values = np.random.default_rng(0).beta(2, 6, 3000)
    columns = {
        "brightness": [[value] for value in values.tolist()],
        "size": [[784]] * 3000,
        "label": [[b"coat"]] * 3000,
    }
    found = statistics_of([pa.RecordBatch.from_pydict(columns)])
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "FeatureStats.pb").write_bytes(found.SerializeToString())
    return str(tmp_path)


def test_a_third_of_the_train_split_is_in_each(statistics: str) -> None:
    values = np.random.default_rng(0).beta(2, 6, 3000)
    found = buckets.read(statistics, NAMES)["brightness"]
    names = [found.name(value) for value in values]
    shares = [names.count(name) / 3000 for name in NAMES["brightness"]]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)
    assert (found.lower, found.upper) == pytest.approx(tuple(np.quantile(values, [1 / 3, 2 / 3])), abs=0.01)


def test_numbers_that_are_all_alike_are_in_the_middle(statistics: str) -> None:
    found = buckets.read(statistics, NAMES)["size"]
    assert (found.lower, found.upper) == (784, 784)
    assert [found.name(size) for size in (783, 784, 785)] == ["small", "middle", "large"]


def test_only_numbers_that_are_named(statistics: str) -> None:
    assert list(buckets.read(statistics, {**NAMES, "label": ("a", "b", "c"), "gone": ("a", "b", "c")})) == [
        "brightness",
        "size",
    ]


def test_names_take_the_place_of_numbers() -> None:
    shade = Bucket(("dark", "middle", "bright"), 0.25, 0.5)
    several = tfma.types.VarLenTensorValue(
        values=np.array([0.1, 0.9]), indices=np.array([[0, 0], [2, 0]]), dense_shape=np.array([3, 1])
    )
    extracts = {
        tfma.FEATURES_KEY: {"brightness": np.array([[0.2], [0.25], [0.6]]), "label": np.array([["a"]] * 3)},
        "others": 1,
    }
    sparse = {tfma.FEATURES_KEY: {"brightness": several}}
    transform = buckets.extractor({"brightness": shade, "size": shade}).ptransform
    with beam.Pipeline() as pipeline:
        found = pipeline | beam.Create([0]) | beam.Map(lambda _: extracts) | transform
        gaps = pipeline | "Sparse" >> beam.Create([sparse]) | "Name" >> transform
        assert_that(found, _is_named)
        assert_that(gaps, _is_named_sparsely, label="sparse")


def _is_named(found: list[dict[str, dict[str, np.ndarray]]]) -> None:
    (extracts,) = found
    features = extracts[tfma.FEATURES_KEY]
    assert features["brightness"].tolist() == [["dark"], ["middle"], ["bright"]]
    assert features["label"].tolist() == [["a"]] * 3
    assert extracts["others"] == 1


def _is_named_sparsely(found: list[dict[str, dict[str, tfma.types.VarLenTensorValue]]]) -> None:
    (extracts,) = found
    values = extracts[tfma.FEATURES_KEY]["brightness"]
    assert values.values.tolist() == ["dark", "bright"]
    assert values.dense_shape.tolist() == [3, 1]
