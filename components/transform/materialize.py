"""The transform graph applied to Arrow batches, written as tf.Examples."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import impl_helper
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tensor_adapter

from components.transform.loaded_graph import LoadedGraph
from components.transform.observed import Observer

FILE_PREFIX = "transformed_examples"


class Graph:
    """A transform graph, loaded once for all splits."""

    def __init__(self, folder: str, adapter: tensor_adapter.TensorAdapterConfig) -> None:
        output = tft.TFTransformOutput(folder)
        schema = output.transformed_metadata.schema
        self._graph = LoadedGraph(output.transform_savedmodel_dir, adapter)
        self._converter = impl_helper.make_tensor_to_arrow_converter(schema)
        self._encoder = example_coder.RecordBatchToExamplesEncoder(schema)

    def transformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of raw features, transformed, in the same order."""
        return self._converter.convert(self._graph.tensors(batch))

    def examples(self, transformed: pa.RecordBatch) -> list[bytes]:
        """The serialized tf.Examples of a transformed batch, in the same order."""
        return self._encoder.encode(transformed)


def write_split(
    graph: Graph, shards: Sequence[Iterable[pa.RecordBatch]], folder: str, observer: Observer | None = None
) -> None:
    """Writes each shard's batches, transformed, to its gzip TFRecord file in `folder`, named as TFX names them.

    observer: is shown each batch before and after.
    """
    os.makedirs(folder, exist_ok=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    for shard, batches in enumerate(shards):
        path = os.path.join(folder, f"{FILE_PREFIX}-{shard:05d}-of-{len(shards):05d}.gz")
        with tf.io.TFRecordWriter(path, options) as file:
            for batch in batches:
                transformed = graph.transformed(batch)
                if observer:
                    observer.add(batch, transformed)
                for example in graph.examples(transformed):
                    file.write(example)
