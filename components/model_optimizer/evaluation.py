"""Every answerer on the same examples: the original and the forms, side by side over the eval split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import tensorflow as tf
from tfx import types

from components import batches
from components.model_optimizer.features import Inputs, Reader
from components.model_optimizer.metric import Answers, Metric
from components.model_optimizer.obstacle import Obstacle

Ask = Callable[[Inputs], Answers]


def evaluate(
    asked: Mapping[str, tuple[Ask, Metric]],
    artifact: types.Artifact,
    split: str,
    reader: Reader,
) -> dict[str, str]:
    """Adds the answers to all examples of a split to the metric of each that is asked; one part is held at a time.

    Returns:
      By name, why one stopped answering; its metric then means nothing.
    """
    failed: dict[str, str] = {}

    def add(name: str, features: Inputs, batch: pa.RecordBatch) -> None:
        ask, metric = asked[name]
        try:
            metric.add(ask(features), batch)
        except (RuntimeError, tf.errors.OpError) as error:
            failed[name] = f"it stops with an error: {str(error).splitlines()[0][:200]}"

    with ThreadPoolExecutor() as pool:
        for path in batches.files(artifact, split):
            for batch in batches.record_batches(path, None):
                for part in reader.chunks(batch):
                    features = reader.tensors(part)
                    going = [name for name in asked if name not in failed]
                    for done in [pool.submit(add, name, features, part) for name in going]:
                        done.result()
    return failed


def first_rows(artifact: types.Artifact, split: str, reader: Reader, count: int) -> Inputs:
    """The first examples of a split as inputs [up to `count`, ...].

    Raises:
      Obstacle: the split is empty.
    """
    for path in batches.files(artifact, split):
        for batch in batches.record_batches(path, None):
            return reader.tensors(batch.slice(0, count))
    raise Obstacle(f"the split {split} is empty")
