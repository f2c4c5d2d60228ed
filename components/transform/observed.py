"""What the transform graph makes of the first examples, for people to look at: nothing else reads it.

Beside the transform graph: `observed/FeatureStats.pb` (statistics of the transformed features), `observed/maps.json` (what
became of single values) and `observed/vocabularies.json` (how often each token was counted).
"""

from __future__ import annotations

import heapq
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

FOLDER, STATISTICS, MAPS, VOCABULARIES = "observed", "FeatureStats.pb", "maps.json", "vocabularies.json"
MOST_EXAMPLES = 10_000
MOST_VALUES = 1_000_000
MOST_BYTES = 64 * 2**20
"""Of one feature; examples after these are not looked at."""
MOST_TOKENS = 1_000
ENDING = "_xf"
"""Of the name of a feature that was made from the one without it."""
_BUCKETS = 10
_MOST_PIECES = 100
_LONGEST_TEXT = 200
_ALIKE = 1e-5

Pair = tuple[np.ndarray, np.ndarray]
"""One value an example, before and after; examples without the raw value are left out."""


class Observer:
    """Collects raw and transformed features of the first examples, and describes them."""

    def __init__(self) -> None:
        self.examples = 0
        self._after: dict[str, list[pa.Array]] = {}
        self._pairs: dict[str, list[Pair]] = {}
        self._full = False

    def add(self, raw: pa.RecordBatch, transformed: pa.RecordBatch) -> None:
        """Looks at a batch before and after, of the same examples; nothing happens when it has seen enough."""
        rows = min(raw.num_rows, MOST_EXAMPLES - self.examples)
        if self._full or rows <= 0:
            return
        widest = max((len(_flat(column)) for column in transformed.columns), default=0) / raw.num_rows
        rows = min(rows, max(1, int(MOST_VALUES / max(1, widest))))
        raw, transformed = raw.slice(0, rows), transformed.slice(0, rows)
        self.examples += rows
        for name, column in zip(transformed.schema.names, transformed.columns, strict=True):
            known = self._after.setdefault(name, [])
            known.append(column)
            self._full |= sum(len(_flat(piece)) for piece in known) >= MOST_VALUES
            self._full |= sum(piece.nbytes for piece in known) >= MOST_BYTES
            source = name.removesuffix(ENDING)
            if source != name and source in raw.schema.names:
                pair = _pair(raw.column(source), column)
                if pair is not None:
                    self._pairs.setdefault(name, []).append(pair)

    def write(self, folder: str, vocabularies: Mapping[str, Any]) -> None:
        """Writes the three files; `vocabularies` as `counted` makes them, by the name of the vocabulary."""
        folder = os.path.join(folder, FOLDER)
        tf.io.gfile.makedirs(folder)
        with tf.io.gfile.GFile(os.path.join(folder, STATISTICS), "wb") as file:
            file.write(self.statistics().SerializeToString())
        for name, content in ((MAPS, self.maps()), (VOCABULARIES, vocabularies)):
            with tf.io.gfile.GFile(os.path.join(folder, name), "w") as file:
                file.write(json.dumps(content, ensure_ascii=False))

    def statistics(self) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Counts, moments and histograms of the transformed features, as StatisticsGen tells them of raw ones."""
        result = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = result.datasets.add(num_examples=self.examples)
        for name, pieces in sorted(self._after.items()):
            _describe(dataset.features.add(), name, pieces, self.examples)
        return result

    def maps(self) -> dict[str, Any]:
        """Transformed feature -> what became of single values of the raw one; those of no such form are left out.

        {"kind": "as it is"}; {"kind": "scaled", "mean", "deviation"}: minus the one, divided by the other;
        {"kind": "buckets", "buckets": [{"index", "low", "high", "examples"}]}: the smallest and largest value that got
        an index; {"kind": "values", "values": [[value, index, examples]], "others": how many values are not listed}.
        """
        found = {}
        for name, pairs in sorted(self._pairs.items()):
            before = np.concatenate([before for before, _ in pairs])
            after = np.concatenate([after for _, after in pairs])
            described = _map(before, after)
            if described is not None:
                found[name] = described
        return found


def counted(counts: Sequence[tuple[Any, bytes]]) -> dict[str, Any]:
    """A vocabulary: its size, and its most frequent MOST_TOKENS tokens with their counts.

    counts: (count or weight, token), in any order. Where all weights are 0 the tokens are not counted.
    """
    first = [(float(count), _text(token)) for count, token in heapq.nlargest(MOST_TOKENS, counts)]
    return {
        "size": len(counts),
        "total": float(sum(count for count, _ in counts)),
        "tokens": [[token, count] for count, token in first] if any(count for count, _ in first) else [],
    }


def _flat(column: pa.Array) -> pa.Array:
    """All values of a column; those of a ragged tensor are lists of lists."""
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = column.flatten()
    return column


def _pair(raw: pa.Array, transformed: pa.Array) -> Pair | None:
    """Values before and after, where there is at most one before and exactly one after in each example."""
    if pa.types.is_null(raw.type) or not pa.types.is_primitive(transformed.type.value_type):
        return None
    before = np.diff(raw.offsets.to_numpy())
    after = np.diff(transformed.offsets.to_numpy())
    if before.max(initial=0) > 1 or (after != 1).any():
        return None
    values = raw.flatten()
    if not pa.types.is_primitive(values.type):
        if values.nbytes > _LONGEST_TEXT * max(1, len(values)):
            return None
        kept = np.array([_text(value) for value in values.to_pylist()], object)
    else:
        kept = values.to_numpy(zero_copy_only=False)
    return kept, transformed.flatten().to_numpy(zero_copy_only=False)[before == 1]


def _map(before: np.ndarray, after: np.ndarray) -> dict[str, Any] | None:
    if not len(before):
        return None
    is_index = np.issubdtype(after.dtype, np.integer)
    if before.dtype == object:
        return _values(before, after) if is_index else None
    before, after = before.astype(np.float64), after.astype(np.float64)
    finite = np.isfinite(before) & np.isfinite(after)
    before, after = before[finite], after[finite]
    low, high = (int(place) for place in (np.argmin(before), np.argmax(before))) if len(before) else (0, 0)
    if not len(before) or before[low] == before[high]:
        return None
    slope = (after[high] - after[low]) / (before[high] - before[low])
    line = after[low] + slope * (before - before[low])
    if slope and np.abs(line - after).max() <= _ALIKE * max(1.0, np.abs(after).max()):
        mean, deviation = before[low] - after[low] / slope, 1 / slope
        if np.abs(after - before).max() <= _ALIKE * max(1.0, np.abs(after).max()):
            return {"kind": "as it is"}
        return {"kind": "scaled", "mean": float(mean), "deviation": float(deviation)}
    if not is_index:
        return None
    order = np.argsort(before, kind="stable")
    if (np.diff(after[order]) >= 0).all():
        return _buckets(before, after)
    return _values(before.astype(object), after)


def _buckets(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    indices = np.unique(after)[:_MOST_PIECES]
    inside = [before[after == index] for index in indices]
    pieces = [
        {
            "index": int(index),
            "low": float(values.min()),
            "high": float(values.max()),
            "examples": len(values),
        }
        for index, values in zip(indices, inside, strict=True)
    ]
    return {"kind": "buckets", "buckets": pieces}


def _values(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    counts = Counter(zip(before.tolist(), after.tolist(), strict=True))
    top = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:_MOST_PIECES]
    return {
        "kind": "values",
        "values": [[value, int(index), count] for (value, index), count in top],
        "others": len(counts) - len(top),
    }


def _describe(feature: Any, name: str, pieces: Sequence[pa.Array], examples: int) -> None:
    feature.path.step.append(name)
    values = pa.concat_arrays([_flat(piece) for piece in pieces])
    lengths = np.concatenate([np.diff(piece.offsets.to_numpy()) for piece in pieces])
    if pa.types.is_primitive(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        is_float = np.issubdtype(numbers.dtype, np.floating)
        feature.type = (
            statistics_pb2.FeatureNameStatistics.FLOAT
            if is_float
            else statistics_pb2.FeatureNameStatistics.INT
        )
        common = feature.num_stats.common_stats
        _numbers(feature.num_stats, numbers.astype(np.float64))
    elif values.nbytes > _LONGEST_TEXT * max(1, len(values)):
        feature.type = statistics_pb2.FeatureNameStatistics.BYTES
        common = feature.bytes_stats.common_stats
        feature.bytes_stats.avg_num_bytes = values.nbytes / max(1, len(values))
    else:
        feature.type = statistics_pb2.FeatureNameStatistics.STRING
        common = feature.string_stats.common_stats
        tokens = Counter(values.to_pylist())
        feature.string_stats.unique = len(tokens)
        for token, count in tokens.most_common(MOST_TOKENS):
            feature.string_stats.rank_histogram.buckets.add(label=_text(token), sample_count=count)
    common.num_non_missing = int((lengths > 0).sum())
    common.num_missing = examples - common.num_non_missing
    common.tot_num_values = len(values)
    common.min_num_values, common.max_num_values = (
        int(bound) for bound in (lengths.min(initial=0), lengths.max(initial=0))
    )


def _numbers(stats: Any, numbers: np.ndarray) -> None:
    stats.num_zeros = int((numbers == 0).sum())
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return
    stats.mean, stats.std_dev = float(finite.mean()), float(finite.std())
    stats.min, stats.median, stats.max = (float(value) for value in np.percentile(finite, [0, 50, 100]))
    counts, edges = np.histogram(finite, _BUCKETS, (stats.min, stats.max) if stats.max > stats.min else None)
    if stats.max == stats.min:
        counts, edges = np.array([len(finite)]), np.array([stats.min, stats.max])
    histogram = stats.histograms.add(num_nan=int(np.isnan(numbers).sum()))
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=float(count))


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
