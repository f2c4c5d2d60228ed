"""The examples that int8 takes the ranges of its activations from."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from tfx import types
from tfx_bsl.coders import example_coder

from components import batches
from components.evaluator.sample import smallest
from components.model_optimizer.features import Inputs, Reader
from components.model_optimizer.obstacle import Obstacle


def sample(artifact: types.Artifact, split: str, count: int) -> pa.RecordBatch:
    """`count` examples of a split, or all where it has fewer: those whose content has the lowest hash.

    They are spread over the whole split, however it is sorted, and do not depend on how it was cut into files.
    `count` serialized examples are held at a time.

    Raises:
      Obstacle: the split is empty.
    """
    chosen = smallest(batches.records(batches.files(artifact, split)), count)
    if not chosen:
        raise Obstacle(f"int8 needs examples, and the split {split} is empty")
    return example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(chosen)


def one_by_one(batch: pa.RecordBatch, reader: Reader) -> Iterator[Inputs]:
    """Each example as inputs [1, ...]."""
    for row in range(batch.num_rows):
        yield reader.tensors(batch.slice(row, 1))
