"""First stage: a file of texts becomes pairs, spilled to buckets."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.word_pairs import buckets

EXAMPLES_AT_ONCE = 256
Key = tuple[str, int, bool]
"""Split, bucket, and whether equal pairs are added up."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of transformed examples: `number` is that of the split, `file` its own among the split's files.

    Its pairs go to a file for each of `count` buckets in the folder `spilled`.
    """

    split: str
    number: int
    file: int
    path: str
    spilled: str
    count: int


class MakePairs(beam.DoFn):
    """From a Shard to (key, path) of its spilled buckets; a bucket that got no pair has none."""

    def __init__(self, pairs_fn: str, transform_graph: str, custom_config: dict[str, Any], seed: int) -> None:
        self._pairs_fn, self._seed = pairs_fn, seed
        self._transform_graph, self._custom_config = transform_graph, custom_config

    def process(self, shard: Shard) -> Iterator[tuple[Key, str]]:
        """Makes the pairs of a block of examples after the other."""
        module, function = self._pairs_fn.rsplit(".", 1)
        pairs_fn = getattr(importlib.import_module(module), function)
        make = pairs_fn(self._transform_graph, self._custom_config, shard.split)
        random = np.random.default_rng([self._seed, shard.number, shard.file])
        records = tf.data.TFRecordDataset(shard.path, "GZIP").batch(EXAMPLES_AT_ONCE)
        with buckets.Spill(shard.spilled, shard.count) as spill:
            for block in records.as_numpy_iterator():
                pairs = buckets.packed(*make(block.tolist(), random))
                if make.summed:
                    spill.add(pairs, buckets.by_pair(pairs, shard.count))
                else:
                    spill.add(pairs, buckets.by_chance(pairs, shard.count, random))
        for bucket, path in spill.files.items():
            yield (shard.split, bucket, make.summed), path
