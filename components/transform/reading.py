"""TFRecord files of tf.Examples as Arrow batches, read and decoded in C++."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pyarrow as pa
import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx_bsl.coders import example_coder

BATCH_ROWS = 8192
BATCH_BYTES = 4 * 2**20
"""Serialized size of a batch; what a row becomes (a decoded image) may be many times larger."""
_PROBE_ROWS = 64


def is_readable(artifacts: Sequence[types.Artifact]) -> bool:
    """Whether all are tf.Examples in gzip TFRecord files in the standard folders, as ExampleGen writes them."""
    payload, _ = tfxio_utils.resolve_payload_format_and_data_view_uri(list(artifacts))
    return payload == example_gen_pb2.FORMAT_TF_EXAMPLE and all(
        examples_utils.get_file_format(artifact) in ("tfrecords_gzip", "tfrecord")
        and not artifact.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME)
        for artifact in artifacts
    )


def files(artifact: types.Artifact, split: str) -> list[str]:
    """The files of a split of an artifact, sorted."""
    folder = artifact_utils.get_split_uri([artifact], split)
    return sorted(os.path.join(folder, name) for name in tf.io.gfile.listdir(folder))


def record_batches(path: str, schema: bytes) -> Iterator[pa.RecordBatch]:
    """The examples of a file, decoded by a serialized schema, in batches of at most BATCH_ROWS.

    Examples larger than BATCH_BYTES / BATCH_ROWS come in smaller batches; one batch is held at a time.
    """
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema)
    records = tf.data.TFRecordDataset(path, "GZIP" if path.endswith(".gz") else "", buffer_size=2**20)
    probe = [len(record) for record in records.take(_PROBE_ROWS).as_numpy_iterator()]
    if not probe:
        return
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES * len(probe) // sum(probe)))
    for block in records.batch(rows).as_numpy_iterator():
        yield decoder.DecodeBatch(block.tolist())
