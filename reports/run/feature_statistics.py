"""The statistics of every split as plain values, out of FeatureStats.pb."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

FILE = "FeatureStats.pb"
_KINDS = {
    statistics_pb2.FeatureNameStatistics.INT: "int",
    statistics_pb2.FeatureNameStatistics.FLOAT: "float",
    statistics_pb2.FeatureNameStatistics.STRING: "text",
    statistics_pb2.FeatureNameStatistics.BYTES: "bytes",
    statistics_pb2.FeatureNameStatistics.STRUCT: "struct",
}

Bucket = tuple[float, float, float]
"""From, to, and how many values are in it (estimated)."""


@dataclasses.dataclass(frozen=True)
class Feature:
    """One feature of one split.

    kind: int, float, text, bytes or struct. missing: examples without a value; values: how many values all examples
    hold. zeros to max: of numbers. unique, average_length and top (value, count; the most frequent first): of texts.
    equal_width and quantiles: two histograms of the same numbers. derived_from: the feature that this one was computed
    from for the statistics alone.
    """

    name: str
    kind: str
    examples: int
    missing: int
    values: int
    zeros: int | None = None
    mean: float | None = None
    deviation: float | None = None
    smallest: float | None = None
    median: float | None = None
    largest: float | None = None
    unique: int | None = None
    average_length: float | None = None
    top: Sequence[tuple[str, float]] = ()
    equal_width: Sequence[Bucket] = ()
    quantiles: Sequence[Bucket] = ()
    derived_from: str = ""


@dataclasses.dataclass(frozen=True)
class Split:
    """The number of examples of a split, and its features by name, in the order of the file."""

    name: str
    examples: int
    features: Mapping[str, Feature]


def read(folder: Path) -> dict[str, Split]:
    """The splits of an ExampleStatistics artifact, `train` first; empty where it has no readable file."""
    found = {}
    for path in folder.glob(f"Split-*/{FILE}"):
        name = path.parent.name.removeprefix("Split-")
        split = read_file(path, name)
        if split is not None:
            found[name] = split
    return {name: found[name] for name in sorted(found, key=order)}


def order(split: str) -> tuple[int, str]:
    """The place of a split among others: train, valid, eval, then all others by name."""
    known = ("train", "valid", "eval")
    return (known.index(split) if split in known else len(known), split)


def read_file(path: Path, name: str = "") -> Split | None:
    """The statistics in one file; None where it is not there or no statistics."""
    try:
        parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    except (OSError, DecodeError):
        return None
    examples = sum(dataset.num_examples for dataset in parsed.datasets)
    features = [_feature(feature, examples) for dataset in parsed.datasets for feature in dataset.features]
    return Split(name, examples, {feature.name: feature for feature in features})


def _feature(message: statistics_pb2.FeatureNameStatistics, examples: int) -> Feature:
    name = message.name or ".".join(message.path.step)
    form = message.WhichOneof("stats")
    if form is None:
        return Feature(name, _KINDS.get(message.type, ""), examples, examples, 0)
    stats = getattr(message, form)
    common = stats.common_stats
    base = Feature(
        name=name,
        kind=_KINDS.get(message.type, ""),
        examples=examples,
        missing=_missing(common, examples),
        values=common.tot_num_values or common.num_non_missing,
        derived_from=".".join(message.validation_derived_source.source_path[0].step)
        if message.validation_derived_source.source_path
        else "",
    )
    if form == "num_stats":
        known = bool(base.values)
        return dataclasses.replace(
            base,
            zeros=stats.num_zeros,
            mean=_number(stats.mean, known),
            deviation=_number(stats.std_dev, known),
            smallest=_number(stats.min, known),
            median=_number(stats.median, known),
            largest=_number(stats.max, known),
            equal_width=_buckets(stats, statistics_pb2.Histogram.STANDARD),
            quantiles=_buckets(stats, statistics_pb2.Histogram.QUANTILES),
        )
    if form == "string_stats":
        ranked = [(bucket.label, bucket.sample_count) for bucket in stats.rank_histogram.buckets]
        top = ranked or [(value.value, value.frequency) for value in stats.top_values]
        return dataclasses.replace(base, unique=stats.unique, average_length=stats.avg_length, top=top)
    if form == "bytes_stats":
        return dataclasses.replace(base, kind="bytes", average_length=stats.avg_num_bytes)
    return base


def _missing(common: statistics_pb2.CommonStatistics, examples: int) -> int:
    # A missing value in a table is a feature without values, which TFDV counts as one that is there.
    if common.max_num_values <= 1 and common.tot_num_values:
        return max(0, examples - common.tot_num_values)
    return examples - common.num_non_missing


def _number(value: float, known: bool) -> float | None:
    return value if known and math.isfinite(value) else None


def _buckets(stats: statistics_pb2.NumericStatistics, form: int) -> tuple[Bucket, ...]:
    for histogram in stats.histograms:
        if histogram.type == form:
            buckets = ((b.low_value, b.high_value, b.sample_count) for b in histogram.buckets)
            return tuple(one for one in buckets if all(map(math.isfinite, one)))
    return ()
