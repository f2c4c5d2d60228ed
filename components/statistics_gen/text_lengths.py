"""Lengths of texts as features of the statistics alone: no example has them, and a schema says so of them.

TFDV calls such features derived: they have histograms, are compared with the schema and between spans and splits, and
Transform does not ask for them. https://github.com/tensorflow/metadata/blob/master/tensorflow_metadata/proto/v0/schema.proto
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.text_example_gen.options import CHARACTERS, WORDS
from components.text_example_gen.words import words

_LENGTHS: dict[str, Callable[[list[str]], int]] = {
    CHARACTERS: lambda texts: len(" ".join(texts)),
    WORDS: lambda texts: len(words(texts[0])) if len(texts) == 1 else len(texts),
}


def added(batch: pa.RecordBatch, texts: Collection[str]) -> pa.RecordBatch:
    """The batch with the lengths of these features: characters, and words, of which a list of tokens has one each.

    Names that the batch has already, and examples without the feature, stay as they are.
    """
    for name in texts:
        if name not in batch.schema.names or pa.types.is_null(batch.column(name).type):
            continue
        values = [
            None if row is None else [value.decode() for value in row]
            for row in batch.column(name).to_pylist()
        ]
        for ending, length in _LENGTHS.items():
            if f"{name}{ending}" not in batch.schema.names:
                lengths = [None if row is None else [length(row)] for row in values]
                batch = batch.append_column(f"{name}{ending}", pa.array(lengths, pa.list_(pa.int64())))
    return batch


def mark(statistics: statistics_pb2.DatasetFeatureStatisticsList, texts: Collection[str]) -> None:
    """Says of the lengths what they are derived from."""
    sources = {f"{name}{ending}": (name, ending) for name in texts for ending in _LENGTHS}
    for feature in statistics.datasets[0].features:
        name, ending = sources.get(feature.path.step[0], ("", ""))
        if name:
            feature.validation_derived_source.deriver_name = ending.removeprefix("_")
            feature.validation_derived_source.source_path.add(step=[name])
