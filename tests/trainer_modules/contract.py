"""The contract that every trainer module keeps, and the small pipeline that its tests run: Transform without the DAG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pandas as pd
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import metadata_io
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public import tfxio

BEAM = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
_TYPES = {"i": schema_pb2.INT, "f": schema_pb2.FLOAT, "O": schema_pb2.BYTES}


@dataclass(frozen=True)
class Prepared:
    """Raw and transformed examples of one data set, as the Trainer meets them."""

    folder: Path
    custom_config: dict[str, Any]
    transform_graph: str
    raw: dict[str, list[bytes]]

    def fn_args(self, run: str = "1", **changes: Any) -> FnArgs:
        """Return the arguments that the Trainer gives to `run_fn`; `run` names the execution."""
        trainer = self.folder / "Trainer"
        return FnArgs(
            **{
                "train_files": [str(self.folder / "transformed" / "Split-train" / "*")],
                "eval_files": [str(self.folder / "transformed" / "Split-valid" / "*")],
                "transform_graph_path": self.transform_graph,
                "serving_model_dir": str(trainer / "model" / run / "Format-Serving"),
                "model_run_dir": str(trainer / "model_run" / run),
                "working_dir": str(self.folder / "tmp"),
                "custom_config": self.custom_config,
                **changes,
            }
        )

    def model_dir(self, run: str = "1") -> str:
        return str(self.folder / "Trainer" / "model" / run / "Format-Serving")


def schema_of(frame: pd.DataFrame) -> schema_pb2.Schema:
    """Return the schema that SchemaGen infers: columns with missing values are optional."""
    schema = schema_pb2.Schema()
    for name in frame.columns:
        feature = schema.feature.add(name=name, type=_TYPES[_values(frame[name])[0].dtype.kind])
        if frame[name].notna().all():
            feature.presence.min_fraction = 1.0
            feature.shape.dim.add(size=1)
        else:
            feature.value_count.min = feature.value_count.max = 1
    return schema


def _values(column: pd.Series) -> tuple[pd.Series, Sequence[Any]]:
    present = column.dropna()
    if present.dtype.kind not in "ifO":
        present = present.astype(object)
    return present, present.index


def example(row: dict[str, Any]) -> bytes:
    """Return a serialized tf.Example; missing values are left out."""
    features = {}
    for name, value in row.items():
        if pd.isna(value):
            continue
        if isinstance(value, str):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif isinstance(value, float):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        else:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def prepare(
    folder: Path,
    splits: dict[str, pd.DataFrame],
    preprocessing_fn: Callable[..., Any],
    custom_config: dict[str, Any],
) -> Prepared:
    """Run Transform: analyse `train`, transform `train` and `valid`, keep all splits as raw tf.Examples."""
    schema = schema_of(pd.concat(list(splits.values())))
    raw = {split: [example(row) for row in frame.to_dict("records")] for split, frame in splits.items()}
    for split, examples in raw.items():
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(folder / "raw" / split)) as writer:
            for serialized in examples:
                writer.write(serialized)
    graph = str(folder / "transform_graph")

    def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
        return preprocessing_fn(inputs, custom_config)

    with (
        beam.Pipeline(options=PipelineOptions(BEAM)) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "tmp")),
    ):

        def source(split: str) -> tuple[Any, Any]:
            records = tfxio.TFExampleRecord(
                str(folder / "raw" / split), schema=schema, telemetry_descriptors=["test"]
            )
            batches = pipeline | f"read {split}" >> records.BeamSource()
            return batches, records.TensorAdapterConfig()

        data = {split: source(split) for split in ("train", "valid") if split in splits}
        transform_fn = data["train"] | tft_beam.AnalyzeDataset(preprocess)
        transform_fn | tft_beam.WriteTransformFn(graph)
        for split, batches in data.items():
            transformed, written = (
                batches,
                transform_fn,
            ) | f"transform {split}" >> tft_beam.TransformDataset()
            coder = tft.coders.ExampleProtoCoder(written.schema)
            (
                transformed
                | f"encode {split}" >> beam.Map(coder.encode)
                | f"write {split}"
                >> beam.io.WriteToTFRecord(
                    str(folder / "transformed" / f"Split-{split}" / "examples"), file_name_suffix=".gz"
                )
            )
    raw_metadata = f"{graph}/{tft.TFTransformOutput.RAW_METADATA_DIR}"
    metadata_io.write_metadata(tft.DatasetMetadata(schema), raw_metadata)
    return Prepared(folder, custom_config, graph, raw)
