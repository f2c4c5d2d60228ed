"""How far each column has moved from the data of a model, beside its bound and what chance alone makes of it."""

from __future__ import annotations

from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.example_validator import tenths
from components.example_validator.constants import NOTABLE, TIMES_CHANCE

_JENSEN_SHANNON = anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE
# The divergence is never more: a bound that only measures.
_MOST = 1.0

# statistics_pb2.DatasetFeatureStatisticsList, and its features by name.
Statistics = Any
Features = dict[str, Any]


def measuring(schema: schema_pb2.Schema, *statistics: Statistics) -> schema_pb2.Schema:
    """A schema by which TFDV measures the Jensen-Shannon divergence of each column that all statistics have values of.

    Bounds that it has stay.
    """
    comparable = set.intersection(*(set(_with_values(one)) for one in statistics))
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    for feature in result.feature:
        if feature.name in comparable and not _is_bounded(feature):
            feature.drift_comparator.jensen_shannon_divergence.threshold = _MOST
    return result


def rows(
    found: anomalies_pb2.Anomalies,
    schema: schema_pb2.Schema,
    current: Statistics,
    train: Statistics,
    held_out: Statistics | None,
) -> list[dict[str, Any]]:
    """The drift of each column, those that moved farthest first.

    Args:
      found: what TFDV found by `measuring(schema, ...)`.
      schema: with the bounds that are set.
      current: statistics of the data.
      train: of the split train, that they were compared with.
      held_out: of the split eval beside it, which only chance makes different.

    Returns:
      {column, divergence: the data gate's measure; bound: of it, None where none is set; moved: the divergence over the
      tenths of numbers, the gate's measure for texts; by_chance: what `moved` would be for a random sample of as many
      examples, about, or None; drifted}.
    """
    bounds = {
        feature.name: feature.drift_comparator.jensen_shannon_divergence.threshold
        for feature in schema.feature
        if _is_bounded(feature)
    }
    divergences = _divergences(found)
    moves = _moves(divergences, current, train)
    chance = _by_chance(schema, current, train, held_out) if held_out else {}
    result = []
    for column, divergence in divergences.items():
        bound, by_chance = bounds.get(column), chance.get(column)
        limit = max(NOTABLE, TIMES_CHANCE * (by_chance or 0.0))
        result.append(
            {
                "column": column,
                "divergence": divergence,
                "bound": bound,
                "moved": moves[column],
                "by_chance": by_chance,
                "drifted": moves[column] > limit if bound is None else divergence > bound,
            }
        )
    return sorted(result, key=lambda row: (not row["drifted"], -row["moved"], row["column"]))


def _moves(divergences: dict[str, float], current: Statistics, base: Statistics) -> dict[str, float]:
    now, before = _with_values(current), _with_values(base)
    result = {}
    for column, divergence in divergences.items():
        one, other = now.get(column), before.get(column)
        numbers = None
        if one and other and one.HasField("num_stats") and other.HasField("num_stats"):
            numbers = tenths.divergence(one.num_stats, other.num_stats)
        result[column] = divergence if numbers is None else numbers
    return result


def _by_chance(
    schema: schema_pb2.Schema, current: Statistics, train: Statistics, held_out: Statistics
) -> dict[str, float]:
    """How far two splits are apart by chance, as it would be for the number of examples there are.

    The expectation of the divergence of two samples of one distribution falls as 1/n + 1/m.
    """
    counts = [one.datasets[0].num_examples for one in (current, train, held_out)]
    if not all(counts):
        return {}
    of_current, of_train, of_held_out = counts
    scale = (1 / of_current + 1 / of_train) / (1 / of_held_out + 1 / of_train)
    found = tfdv.validate_statistics(held_out, measuring(schema, held_out, train), previous_statistics=train)
    moves = _moves(_divergences(found), held_out, train)
    return {column: min(value * scale, _MOST) for column, value in moves.items()}


def _is_bounded(feature: schema_pb2.Feature) -> bool:
    return feature.drift_comparator.HasField("jensen_shannon_divergence")


def _divergences(found: anomalies_pb2.Anomalies) -> dict[str, float]:
    return {
        ".".join(info.path.step): measure.value
        for info in found.drift_skew_info
        for measure in info.drift_measurements
        if measure.type == _JENSEN_SHANNON
    }


def _with_values(statistics: Statistics) -> Features:
    """Features whose values are told: numbers, and texts that are not opaque."""
    found = {}
    for feature in statistics.datasets[0].features if statistics.datasets else ():
        kind = feature.WhichOneof("stats")
        if kind not in ("num_stats", "string_stats"):
            continue
        stats = getattr(feature, kind)
        told = stats.histograms if kind == "num_stats" else stats.rank_histogram.buckets
        if stats.common_stats.num_non_missing and told:
            found[".".join(feature.path.step)] = feature
    return found
