"""What is told of transformed features: statistics, what became of single values, counts of tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.transform import observed
from components.transform.observed import Observer


def batch(**columns: Any) -> pa.RecordBatch:
    """Each column a list of lists, or an array with one value an example."""
    return pa.RecordBatch.from_pydict(
        {
            name: pa.array([[value] for value in values] if isinstance(values, np.ndarray) else values)
            for name, values in columns.items()
        }
    )


def maps(raw: pa.RecordBatch, transformed: pa.RecordBatch) -> dict[str, Any]:
    observer = Observer()
    observer.add(raw, transformed)
    return observer.maps()


def test_a_scaled_number_is_told_by_mean_and_deviation() -> None:
    raw = [[3.0], [], [7.0], [12.0]]
    scores = np.array([(3 - 6.5) / 4, 0, (7 - 6.5) / 4, (12 - 6.5) / 4], np.float32)
    found = maps(batch(size=raw), batch(size_xf=scores, size_xf_missing=np.array([0.0, 1.0, 0.0, 0.0])))
    assert found == {"size_xf": {"kind": "scaled", "mean": pytest.approx(6.5), "deviation": pytest.approx(4)}}


def test_a_number_that_stays_is_told_so() -> None:
    values = np.array([1.5, 2.5, -3.0])
    assert maps(batch(a=values), batch(a_xf=values)) == {"a_xf": {"kind": "as it is"}}


def test_buckets_are_told_by_the_values_in_them() -> None:
    values = np.array([5.0, 1.0, 9.0, 2.0, 100.0])
    found = maps(batch(a=values), batch(a_xf=np.array([2, 1, 2, 1, 3])))
    assert found["a_xf"] == {
        "kind": "buckets",
        "buckets": [
            {"index": 1, "low": 1.0, "high": 2.0, "examples": 2},
            {"index": 2, "low": 5.0, "high": 9.0, "examples": 2},
            {"index": 3, "low": 100.0, "high": 100.0, "examples": 1},
        ],
    }


def test_indices_of_texts_are_told_with_their_number() -> None:
    raw = batch(color=[[b"red"], [b"blue"], [b"red"], []])
    found = maps(raw, batch(color_xf=np.array([1, 2, 1, 0])))
    assert found["color_xf"] == {"kind": "values", "values": [["red", 1, 2], ["blue", 2, 1]], "others": 0}


def test_what_has_no_such_form_is_left_out() -> None:
    values = np.arange(5.0)
    raw = batch(a=values, b=[[1, 2]] * 5, constant=np.ones(5))
    after = batch(a_xf=np.sin(values), b_xf=values, constant_xf=np.zeros(5), other_xf=values)
    assert maps(raw, after) == {}


def test_statistics_of_numbers_lists_and_texts(tmp_path: Path) -> None:
    observer = Observer()
    numbers = np.array([0.0, 1.0, 2.0, 7.0])
    observer.add(
        batch(x=numbers), batch(x_xf=numbers, ids=[[1, 2], [3], [], [4]], word=[[b"a"], [b"b"], [b"a"], []])
    )
    observer.write(str(tmp_path), {"words": {"size": 2}})
    folder = tmp_path / observed.FOLDER
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (folder / observed.STATISTICS).read_bytes()
    )
    found = {feature.path.step[0]: feature for feature in statistics.datasets[0].features}
    stats = found["x_xf"].num_stats
    assert (stats.mean, stats.std_dev, stats.num_zeros) == (2.5, pytest.approx(numbers.std()), 1)
    assert (stats.min, stats.median, stats.max) == (0, 1.5, 7)
    assert sum(bucket.sample_count for bucket in stats.histograms[0].buckets) == 4
    common = found["ids"].num_stats.common_stats
    assert (common.num_missing, common.tot_num_values, common.min_num_values, common.max_num_values) == (
        1,
        4,
        0,
        2,
    )
    ranked = found["word"].string_stats.rank_histogram.buckets
    assert [(bucket.label, bucket.sample_count) for bucket in ranked] == [("a", 2), ("b", 1)]
    assert json.loads((folder / observed.VOCABULARIES).read_text()) == {"words": {"size": 2}}


def test_values_of_ragged_tensors_are_counted() -> None:
    observer = Observer()
    observer.add(batch(a=[[1], [2]]), batch(a_xf=[[[1, 2], [3]], [[4]]], b_xf=[[[b"x"], [b"y"]], []]))
    found = {feature.path.step[0]: feature for feature in observer.statistics().datasets[0].features}
    assert found["a_xf"].num_stats.common_stats.tot_num_values == 4
    assert found["a_xf"].num_stats.max == 4
    assert found["b_xf"].string_stats.unique == 2
    assert observer.maps() == {}


def test_no_more_examples_are_looked_at_than_needed() -> None:
    observer = Observer()
    for _ in range(3):
        values = np.arange(6_000)
        observer.add(batch(a=values), batch(a_xf=values))
    assert observer.examples == observed.MOST_EXAMPLES
    wide = Observer()
    for _ in range(3):
        wide.add(batch(a=[[1]]), batch(tokens=[list(range(observed.MOST_VALUES))]))
    assert wide.examples == 1
    at_once = Observer()
    at_once.add(batch(a=[[1]] * 5), batch(tokens=[list(range(observed.MOST_VALUES // 2))] * 5))
    assert at_once.examples == 2


def test_counts_of_a_vocabulary() -> None:
    found = observed.counted([(2, b"b"), (5, b"a")])
    assert found == {"size": 2, "total": 7.0, "tokens": [["a", 5.0], ["b", 2.0]]}
    assert observed.counted([(0.0, b"b"), (0.0, b"a")]) == {"size": 2, "total": 0.0, "tokens": []}
