"""Small artifacts, written into the folders of a run that `tests.pipeline.records` recorded."""

from __future__ import annotations

import gzip
import itertools
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from reports.examples import message_type

EVIL = '"><script>alert(1)</script><img src=x onerror="alert(1)">'
Columns = Mapping[str, Sequence[Any]]
"""Feature -> a value for each example, None where it is missing: all texts, or all numbers."""


def statistics(columns: Columns) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics in the form of TFDV: ten buckets of equal width, quantiles, texts by rank."""
    result = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = result.datasets.add(num_examples=max(len(values) for values in columns.values()))
    for name, values in columns.items():
        feature = dataset.features.add()
        feature.path.step.append(name)
        known = [value for value in values if value is not None]
        if isinstance(known[0], str):
            feature.type = statistics_pb2.FeatureNameStatistics.STRING
            texts, common = feature.string_stats, feature.string_stats.common_stats
            ranked = sorted(set(known), key=lambda text: (-known.count(text), text))
            texts.unique = len(ranked)
            texts.avg_length = float(np.mean([len(text) for text in known]))
            for text in ranked:
                texts.rank_histogram.buckets.add(label=text, sample_count=known.count(text))
        else:
            whole = all(isinstance(value, int) for value in known)
            kinds = statistics_pb2.FeatureNameStatistics
            feature.type = kinds.INT if whole else kinds.FLOAT
            common = feature.num_stats.common_stats
            _numbers(feature.num_stats, np.array(known, float))
        common.num_non_missing = len(values)
        common.max_num_values = 1
        common.tot_num_values = len(known)
    return result


def _numbers(stats: Any, numbers: np.ndarray) -> None:
    stats.mean, stats.std_dev = float(numbers.mean()), float(numbers.std())
    stats.min, stats.median, stats.max = (float(value) for value in np.percentile(numbers, [0, 50, 100]))
    stats.num_zeros = int((numbers == 0).sum())
    buckets = 10 if stats.max > stats.min else 1
    counts, edges = np.histogram(numbers, buckets, (stats.min, stats.max))
    if buckets == 1:
        edges = np.array([stats.min, stats.max])
    equal = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        equal.buckets.add(low_value=low, high_value=high, sample_count=count)
    edges = np.percentile(numbers, np.arange(0, 101, 10))
    quantiles = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    for low, high in itertools.pairwise(edges):
        quantiles.buckets.add(low_value=low, high_value=high, sample_count=len(numbers) / 10)


def write_statistics(folder: Path, **splits: Columns) -> None:
    for split, columns in splits.items():
        put(folder / f"Split-{split}" / "FeatureStats.pb", statistics(columns).SerializeToString())


def write_examples(folder: Path, split: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """The examples of a split, as ExampleGen writes them."""
    packed = b""
    for row in rows:
        example = message_type()()
        for name, value in row.items():
            feature = example.features.feature[name]
            if isinstance(value, (str, bytes)):
                feature.bytes_list.value.append(value.encode() if isinstance(value, str) else value)
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            elif value is not None:
                feature.float_list.value.append(value)
            else:
                feature.SetInParent()
        record = example.SerializeToString()
        packed += struct.pack("<QI", len(record), 0) + record + bytes(4)
    put(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz", gzip.compress(packed))


def anomalies(**features: tuple[str, str]) -> anomalies_pb2.Anomalies:
    """Feature -> (rule, description)."""
    found = anomalies_pb2.Anomalies()
    for name, (rule, description) in features.items():
        add_anomaly(found, name, rule, description)
    return found


def add_anomaly(found: anomalies_pb2.Anomalies, name: str, rule: str, description: str) -> None:
    info = found.anomaly_info[name]
    info.path.step.append(name)
    info.reason.add(short_description=rule, description=description)


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def add_drift(
    found: anomalies_pb2.Anomalies, name: str, drift: tuple[float, float], skew: tuple[float, float]
) -> None:
    """Drift and skew of a feature, each (value, threshold), as Jensen-Shannon divergences."""
    info = found.drift_skew_info.add()
    info.path.step.append(name)
    kind = anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE
    info.drift_measurements.add(type=kind, value=drift[0], threshold=drift[1])
    info.skew_measurements.add(type=kind, value=skew[0], threshold=skew[1])
