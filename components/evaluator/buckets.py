"""Slices by a number: three buckets, cut where a third and two thirds of the train split lie below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import statistics_pb2

SPLIT = "train"
THIRDS = (1 / 3, 2 / 3)


@dataclass(frozen=True)
class Bucket:
    """Names of what is below `lower`, from `lower` to `upper`, and above `upper`."""

    names: tuple[str, str, str]
    lower: float
    upper: float

    def name(self, value: float) -> str:
        return self.names[1 + int(value > self.upper) - int(value < self.lower)]


def read(statistics: str, names: Mapping[str, Sequence[str]]) -> dict[str, Bucket]:
    """The buckets of the columns, from the train split of an ExampleStatistics artifact; columns without numbers have none."""
    file = Path(statistics, f"Split-{SPLIT}", "FeatureStats.pb")
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    buckets = {}
    for feature in found.datasets[0].features:
        column = feature.path.step[0]
        if column in names and feature.HasField("num_stats"):
            low, middle, high = names[column]
            buckets[column] = Bucket((low, middle, high), *_thirds(feature.num_stats))
    return buckets


def _thirds(numbers: statistics_pb2.NumericStatistics) -> tuple[float, float]:
    """Where a third and two thirds of the values lie below, by TFDV's quantiles, linear between them."""
    (quantiles,) = (h for h in numbers.histograms if h.type == statistics_pb2.Histogram.QUANTILES)
    edges = [quantiles.buckets[0].low_value, *(bucket.high_value for bucket in quantiles.buckets)]
    counts = np.cumsum([0, *(bucket.sample_count for bucket in quantiles.buckets)])
    lower, upper = np.interp(np.multiply(THIRDS, counts[-1]), counts, edges)
    return float(lower), float(upper)


def extractor(buckets: Mapping[str, Bucket]) -> tfma.extractors.Extractor:
    """Puts the name of the bucket in the place of the number, in batches of extracts."""

    def named(extracts: Mapping[str, Any]) -> dict[str, Any]:
        features = dict(extracts[tfma.FEATURES_KEY])
        for column, bucket in buckets.items():
            if column in features:
                features[column] = _named(features[column], bucket)
        return {**extracts, tfma.FEATURES_KEY: features}

    return tfma.extractors.Extractor(stage_name="NameBuckets", ptransform=beam.Map(named))


def _named(values: Any, bucket: Bucket) -> Any:
    if isinstance(values, np.ndarray):
        return np.array([bucket.name(value) for value in values.ravel()], object).reshape(values.shape)
    return values._replace(values=np.array([bucket.name(value) for value in values.values], object))
