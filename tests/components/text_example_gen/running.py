"""Runs of driver and executor without the launcher, and what they wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import range_config_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.columnar_example_gen import inputs
from components.text_example_gen import report
from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.driver import Driver
from components.text_example_gen.executor import Executor

BEAM = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--sdk_container_image=none"]
SPLITS = {"train": 7, "valid": 1, "eval": 2}


def run(
    path: Path | Sequence[Path],
    out: Path,
    splits: dict[str, int] | None = None,
    beam: Sequence[str] = BEAM,
    range_config: range_config_pb2.RangeConfig | None = None,
    **reader: Any,
) -> types.Artifact:
    """The examples of a run."""
    reader = {"text": "table", **reader}
    base, pattern = inputs.locate(path)
    component = TextExampleGen(base, pattern, reader, splits or SPLITS, range_config=range_config)
    properties = Driver(None).resolve_exec_properties(dict(component.exec_properties), None, None)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(out / "examples")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam), tmp_dir=str(out / "tmp"), unique_id="1"
    )
    Executor(context).Do({}, {"examples": [artifact]}, properties)
    return artifact


def figures(examples: types.Artifact) -> dict[str, Any]:
    """The report beside the examples."""
    return json.loads(Path(examples.uri, report.REPORT).read_text())


def serialized(examples: types.Artifact) -> dict[str, list[bytes]]:
    """Split -> its records in their order."""
    found = {}
    for split in artifact_utils.decode_split_names(examples.split_names):
        paths = sorted(tf.io.gfile.glob(os.path.join(artifact_utils.get_split_uri([examples], split), "*")))
        found[split] = list(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator())
    return found


def records(examples: types.Artifact) -> dict[str, list[dict[str, Any]]]:
    """Split -> its examples in their order, as name -> list of values; texts are decoded."""
    return {split: [values(record) for record in stored] for split, stored in serialized(examples).items()}


def values(record: bytes) -> dict[str, Any]:
    features = tf.train.Example.FromString(record).features.feature
    found = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        stored = list(getattr(feature, kind).value) if kind else []
        found[name] = [one.decode() if isinstance(one, bytes) else one for one in stored]
    return found
