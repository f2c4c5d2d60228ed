"""Examples as Arrow batches without Beam: whether that is possible, and the batches, made in C++."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import tensorflow as tf
from apache_beam.options import pipeline_options
from tfx import types
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx_bsl.coders import example_coder

LOCAL_RUNNERS = ("FnApiRunner", "DirectRunner")
BATCH_ROWS = 8192
BATCH_BYTES = 4 * 2**20
"""Serialized size of a batch; what a row becomes (a decoded image) may be many times larger."""
_PROBE_ROWS = 64


def runs_here(beam_pipeline_args: Sequence[str] | None) -> bool:
    """Whether Beam would run in this process."""
    options = pipeline_options.PipelineOptions(list(beam_pipeline_args or []))
    return (
        options.view_as(pipeline_options.StandardOptions).runner in LOCAL_RUNNERS
        and options.view_as(pipeline_options.DirectOptions).direct_running_mode == "in_memory"
    )


def can_read_here(artifacts: Sequence[types.Artifact], beam_pipeline_args: Sequence[str] | None) -> bool:
    """Whether a component may do without Beam: it would run in this process, and the files are ExampleGen's own."""
    return runs_here(beam_pipeline_args) and are_own_files(artifacts)


def are_own_files(artifacts: Sequence[types.Artifact]) -> bool:
    """Whether the examples are tf.Examples in gzip TFRecord files, in the standard folder of each split."""
    payload, _ = tfxio_utils.resolve_payload_format_and_data_view_uri(list(artifacts))
    return payload == example_gen_pb2.FORMAT_TF_EXAMPLE and all(
        examples_utils.get_file_format(artifact) == "tfrecords_gzip"
        and not artifact.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME)
        for artifact in artifacts
    )


def files(artifact: types.Artifact, split: str) -> list[str]:
    """The files of a split of an artifact, sorted."""
    folder = artifact_utils.get_split_uri([artifact], split)
    return sorted(os.path.join(folder, name) for name in tf.io.gfile.listdir(folder))


def records(paths: Iterable[str]) -> Iterator[bytes]:
    """The serialized examples of files, one after the other."""
    for path in paths:
        yield from tf.data.TFRecordDataset(path, "GZIP", buffer_size=2**20).as_numpy_iterator()


def record_batches(path: str, schema: bytes | None) -> Iterator[pa.RecordBatch]:
    """The examples of a file, in batches of at most BATCH_ROWS, with the types of a serialized schema.

    Without a schema a batch has the features and types that are in it.

    Examples larger than BATCH_BYTES / BATCH_ROWS come in smaller batches; one batch is held at a time.
    """
    decoder = example_coder.ExamplesToRecordBatchDecoder(*([] if schema is None else [schema]))
    records = tf.data.TFRecordDataset(path, "GZIP", buffer_size=2**20)
    probe = [len(record) for record in records.take(_PROBE_ROWS).as_numpy_iterator()]
    if not probe:
        return
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES * len(probe) // sum(probe)))
    for block in records.batch(rows).as_numpy_iterator():
        yield decoder.DecodeBatch(block.tolist())
