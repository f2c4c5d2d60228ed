"""The image classifier's preprocessing through the pipeline's own Transform component."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from tensorflow_data_validation.statistics import stats_impl
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, proto_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.transform.executor import Executor
from tests.trainer_modules import contract, image_data


def examples(folder: Path, splits: dict[str, pd.DataFrame]) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names([*splits])
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    for split, frame in splits.items():
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in frame.to_dict("records"):
                writer.write(contract.example(row))
    return artifact


def schema(folder: Path, frame: pd.DataFrame) -> standard_artifacts.Schema:
    artifact = standard_artifacts.Schema()
    artifact.uri = str(folder)
    folder.mkdir()
    rows = [contract.example(row) for row in frame.to_dict("records")]
    statistics = stats_impl.generate_statistics_in_memory(ExamplesToRecordBatchDecoder().DecodeBatch(rows))
    inferred = tfdv.infer_schema(statistics, infer_feature_shape=False)
    io_utils.write_pbtxt_file(str(folder / "schema.pbtxt"), inferred)
    return artifact


def transformed(artifact: types.Artifact, graph: str, split: str) -> dict[str, np.ndarray]:
    files = tf.io.gfile.glob(f"{artifact.uri}/Split-{split}/*")
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    spec: dict[str, Any] = tft.TFTransformOutput(graph).transformed_feature_spec()
    return {name: value.numpy() for name, value in tf.io.parse_example(records, spec).items()}


def test_bytes_sizes_and_classes_come_through(tmp_path: Path) -> None:
    frame = image_data.fashion_frame()
    splits = {"train": frame[50:].reset_index(drop=True), "valid": frame[:50]}
    graph, written = standard_artifacts.TransformGraph(), standard_artifacts.Examples()
    graph.uri, written.uri = str(tmp_path / "graph"), str(tmp_path / "transformed")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--direct_running_mode=in_memory"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    Executor(context).Do(
        {
            "examples": [examples(tmp_path / "examples", splits)],
            "schema": [schema(tmp_path / "schema", frame)],
        },
        {"transform_graph": [graph], "transformed_examples": [written]},
        {
            "preprocessing_fn": "trainer_modules.image_classifier.preprocessing_fn",
            "custom_config": json.dumps({"task": "multiclass", "labels": ["label"], "features": {}}),
            "splits_config": proto_utils.proto_to_json(
                transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "valid"])
            ),
            "disable_statistics": 1,
        },
    )
    names = sorted(image_data.class_names())
    for split, raw in splits.items():
        found = transformed(written, graph.uri, split)
        assert {name: value.dtype.kind for name, value in found.items()} == {
            "image_xf": "O",
            "height_xf": "i",
            "width_xf": "i",
            "channels_xf": "i",
            "label_xf": "i",
        }
        assert found["image_xf"].tolist() == raw["image"].tolist()
        np.testing.assert_array_equal(np.array(names)[found["label_xf"]], raw["label"])
        assert set(found["height_xf"]) == set(found["width_xf"]) == {28}
    size = sum(path.stat().st_size for path in (tmp_path / "transformed").rglob("*.gz"))
    assert size < 1.3 * frame["image"].map(len).sum()
