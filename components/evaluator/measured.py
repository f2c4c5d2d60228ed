"""What an earlier execution measured, where nothing but bounds changed since: judged anew, not measured again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer
from tfx import types

from components.evaluator.constants import VERDICT

DIGEST = "measured.sha256"
EVAL_CONFIG, VALIDATIONS = "eval_config.json", "validations.tfrecord"
# Of an execution: they only judge what was measured.
BOUNDS = ("eval_config", "min_slice_examples", "class_gates")
_THRESHOLDS = ("threshold", "per_slice_thresholds", "cross_slice_thresholds")


def digest(
    input_dict: Mapping[str, Sequence[types.Artifact]],
    exec_properties: Mapping[str, Any],
    eval_config: tfma.EvalConfig,
) -> str:
    """SHA-256 (hex) over all that measuring depends on: artifacts, parameters, metrics and slices, but no bounds."""
    without = tfma.EvalConfig()
    without.CopyFrom(eval_config)
    for spec in without.metrics_specs:
        for metric in spec.metrics:
            for field in _THRESHOLDS:
                metric.ClearField(field)
    content = {
        "artifacts": {key: [(one.id, one.uri) for one in found] for key, found in input_dict.items()},
        "parameters": {key: value for key, value in exec_properties.items() if key not in BOUNDS},
        "eval_config": json_format.MessageToDict(without),
        "tfma": tfma.__version__,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def mark(folder: str, found: str) -> None:
    """Say of what the files in a folder are the measures; they are complete."""
    Path(folder, DIGEST).write_text(found)


def find(folder: str, wanted: str) -> Path | None:
    """The evaluation beside `folder` that measured the same, if there is one; the latest of several."""
    marks = sorted(Path(folder).parent.glob(f"*/{DIGEST}"), key=lambda path: path.stat().st_mtime)
    return next((path.parent for path in reversed(marks) if path.read_text() == wanted), None)


def forget(folder: Path) -> None:
    """Let the next evaluation in a folder of evaluations measure anew."""
    for path in folder.glob(f"*/{DIGEST}"):
        path.unlink()


def judge(former: Path, folder: str, eval_config: tfma.EvalConfig) -> None:
    """Copy what was measured, and validate it by other bounds, as TFMA does where it measures."""
    shutil.copytree(
        former, folder, ignore=shutil.ignore_patterns(DIGEST, VERDICT, VALIDATIONS), dirs_exist_ok=True
    )
    run = json.loads((former / EVAL_CONFIG).read_text())
    run["evalConfig"] = json_format.MessageToDict(eval_config)
    Path(folder, EVAL_CONFIG).write_text(json.dumps(run))
    with tf.io.TFRecordWriter(str(Path(folder, VALIDATIONS))) as file:
        file.write(validation(tfma.load_metrics(str(former)), eval_config).SerializeToString())


def validation(
    metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice], eval_config: tfma.EvalConfig
) -> validation_result_pb2.ValidationResult:
    """What TFMA finds of metrics by the bounds of a configuration."""
    combine = metrics_plots_and_validations_writer.CombineValidations(eval_config)
    found = combine.create_accumulator()
    for of_slice in metrics:
        values = {
            metric_types.MetricKey.from_proto(item.key): item.value.double_value.value
            for item in of_slice.metric_keys_and_values
            if item.value.WhichOneof("type") == "double_value"
        }
        key = slicer_lib.deserialize_slice_key(of_slice.slice_key)
        found = combine.add_input(found, metrics_validator.validate_metrics((key, values), eval_config))
    return combine.extract_output(found)
