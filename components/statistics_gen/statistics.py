"""TFDV's default statistics of a stream of Arrow batches."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.statistics.generators import (
    basic_stats_generator,
    top_k_uniques_stats_generator,
)
from tensorflow_data_validation.types import FeaturePath
from tensorflow_data_validation.utils import top_k_uniques_stats_util
from tensorflow_data_validation.utils.example_weight_map import ExampleWeightMap
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.statistics import merge_util

from components.statistics_gen import text_lengths


def options_for(opaque: Collection[str]) -> tfdv.StatsOptions:
    """TFDV's default options; of `opaque` features the bytes are counted, and not taken for texts.

    TFDV knows such features as images. As texts, all distinct images would be held in memory, and the most frequent
    ones written into the statistics.
    """
    if not opaque:
        return tfdv.StatsOptions()
    schema = schema_pb2.Schema()
    for name in opaque:
        schema.feature.add(name=name, type=schema_pb2.BYTES).image_domain.SetInParent()
    return tfdv.StatsOptions(schema=schema)


def statistics_of(
    batches: Iterable[pa.RecordBatch], opaque: Collection[str] = (), texts: Collection[str] = ()
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Counts, moments and quantiles of numbers by TFDV's generator; uniques and most frequent texts exactly.

    TFDV's own in-memory function estimates the uniques by sketches, unlike its Beam pipeline, whose results these
    are. Without rows the list holds one empty data set. opaque: features as for `options_for`.
    texts: features whose lengths are told as features of their own (see `text_lengths`); they are opaque too.
    """
    opaque = {*opaque, *texts}
    options = options_for(opaque)
    no_texts = frozenset(FeaturePath([name]) for name in opaque)
    (basic,) = (
        generator
        for generator in stats_impl.get_generators(options)
        if isinstance(generator, basic_stats_generator.BasicStatsGenerator)
    )
    accumulator = basic.create_accumulator()
    counted: defaultdict[tuple[str, ...], dict[Any, int]] = defaultdict(dict)
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        batch = text_lengths.added(batch, texts)
        accumulator = basic.add_input(accumulator, batch)
        for (_, column, value), (count, _) in top_k_uniques_stats_generator._to_topk_tuples(
            (None, batch), no_texts, {}, ExampleWeightMap()
        ):
            counts = counted[column]
            counts[value] = counts.get(value, 0) + count
    if not rows:
        return statistics_pb2.DatasetFeatureStatisticsList(
            datasets=[statistics_pb2.DatasetFeatureStatistics()]
        )
    numbers = basic.extract_output(basic.compact(accumulator))
    merged = merge_util.merge_dataset_feature_statistics([numbers, *_text_statistics(counted, options)])
    text_lengths.mark(merged, texts)
    return merged


def _text_statistics(
    texts: dict[tuple[str, ...], dict[Any, int]], options: tfdv.StatsOptions
) -> Iterator[statistics_pb2.DatasetFeatureStatistics]:
    kept = max(options.num_top_values, options.num_rank_histogram_buckets)
    for column, counts in texts.items():
        top = heapq.nlargest(kept, ((count, value) for value, count in counts.items()))
        yield top_k_uniques_stats_util.make_dataset_feature_stats_proto_topk_single(
            column,
            [top_k_uniques_stats_util.FeatureValueCount(value, count) for count, value in top],
            is_weighted_stats=False,
            num_top_values=options.num_top_values,
            frequency_threshold=options.frequency_threshold,
            num_rank_histogram_buckets=options.num_rank_histogram_buckets,
        )
        yield top_k_uniques_stats_util.make_dataset_feature_stats_proto_unique_single(column, len(counts))
