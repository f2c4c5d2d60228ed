"""From the evaluation section of a configuration to TFMA's EvalConfig."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tensorflow_model_analysis.proto import config_pb2

from pipeline.sections import METRICS, Config, Gate

# Our name of a metric -> TFMA's class.
CLASSES = {
    "binary": {
        "accuracy": "BinaryAccuracy",
        "auc": "AUC",
        "auc_precision_recall": "AUCPrecisionRecall",
        "precision": "Precision",
        "recall": "Recall",
        "loss": "BinaryCrossentropy",
    },
    "multiclass": {"accuracy": "SparseCategoricalAccuracy", "loss": "SparseCategoricalCrossentropy"},
    "regression": {"rmse": "RootMeanSquaredError", "mae": "MeanAbsoluteError", "mse": "MeanSquaredError"},
}
PREDICTION_KEY = {"binary": "probability", "multiclass": "probabilities"}


def eval_config(config: Config, slices: Sequence[Sequence[str]]) -> config_pb2.EvalConfig:
    """What TFMA measures, over which slices, and the bounds of the gates.

    Args:
      config: the pipeline.
      slices: lists of columns to slice by, those that the data has.
    """
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(config)],
        metrics_specs=_metrics_specs(config, slices),
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=columns) for columns in slices),
        ],
    )


def _model_spec(config: Config) -> config_pb2.ModelSpec:
    """The candidate; TFMA adds a copy named `baseline` where there is a blessed model."""
    spec = config_pb2.ModelSpec(
        signature_name="serving_examples",
        preprocessing_function_names=["transform_features"],
    )
    if len(config.labels) == 1:
        (label,) = config.labels
        spec.label_key = f"{label}_xf"
        spec.prediction_key = PREDICTION_KEY.get(config.task, label)
    else:
        for label in config.labels:
            spec.label_keys[label] = f"{label}_xf"
    return spec


def _metrics_specs(config: Config, slices: Sequence[Sequence[str]]) -> list[config_pb2.MetricsSpec]:
    outputs: list[str | None] = [None] if len(config.labels) == 1 else [*config.labels]
    return [
        config_pb2.MetricsSpec(
            metrics=[
                config_pb2.MetricConfig(class_name="ExampleCount", config='{"name": "example_count"}'),
                *(_metric(config, metric, output, slices) for metric in _metric_names(config)),
            ],
            output_names=[output] if output else [],
        )
        for output in outputs
    ]


def _metric_names(config: Config) -> list[str]:
    named = [*config.evaluation.metrics, *(gate.metric for gate in config.evaluation.gates)]
    return list(dict.fromkeys(named))


def _metric(
    config: Config, metric: str, output: str | None, slices: Sequence[Sequence[str]]
) -> config_pb2.MetricConfig:
    result = config_pb2.MetricConfig(
        class_name=CLASSES[config.task][metric], config=json.dumps({"name": metric})
    )
    for gate in config.evaluation.gates:
        if gate.metric != metric or (gate.output is not None and gate.output != output):
            continue
        # A bound without slices would hold for every slice: TFMA wants the overall one named.
        bounded: list[Sequence[str]] = [(), *(slices if gate.slices else ())]
        result.per_slice_thresholds.append(
            config_pb2.PerSliceMetricThreshold(
                threshold=_threshold(gate, METRICS[config.task][metric]),
                slicing_specs=[config_pb2.SlicingSpec(feature_keys=columns) for columns in bounded],
            )
        )
    return result


def _threshold(gate: Gate, higher_is_better: bool) -> config_pb2.MetricThreshold:
    threshold = config_pb2.MetricThreshold()
    if gate.lower is not None:
        threshold.value_threshold.lower_bound.value = gate.lower
    if gate.upper is not None:
        threshold.value_threshold.upper_bound.value = gate.upper
    if gate.max_drop is not None:
        direction = (
            config_pb2.MetricDirection.HIGHER_IS_BETTER
            if higher_is_better
            else config_pb2.MetricDirection.LOWER_IS_BETTER
        )
        threshold.change_threshold.direction = direction
        threshold.change_threshold.absolute.value = -gate.max_drop if higher_is_better else gate.max_drop
    return threshold
