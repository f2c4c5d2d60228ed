"""From the evaluation section of a configuration to TFMA's EvalConfig."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from pipeline.sections import PER_CLASS, Config, Gate
from pipeline.task_metrics import METRICS

# Our name of a metric -> its class, TFMA's unless it is among MODULES.
CLASSES = {
    "binary": {
        "accuracy": "BinaryAccuracy",
        "auc": "AUC",
        "auc_precision_recall": "AUCPrecisionRecall",
        "precision": "Precision",
        "recall": "Recall",
        "f1": "F1Score",
        "calibration_error": "ExpectedCalibrationError",
        "loss": "BinaryCrossentropy",
    },
    "multiclass": {
        "accuracy": "SparseCategoricalAccuracy",
        "top_3_accuracy": "TopK",
        "top_5_accuracy": "TopK",
        "precision": "PerClass",
        "recall": "PerClass",
        "f1": "PerClass",
        "calibration_error": "ExpectedCalibrationError",
        "loss": "SparseCategoricalCrossentropy",
    },
    "regression": {"rmse": "RootMeanSquaredError", "mae": "MeanAbsoluteError", "mse": "MeanSquaredError"},
    "language_model": {"perplexity": "Perplexity"},
    "translation": {"bleu": "CorpusBleu", "exact_match": "ExactMatch", "perplexity": "Perplexity"},
    "tagging": {
        "entity_f1": "Entities",
        "entity_precision": "Entities",
        "entity_recall": "Entities",
        "token_accuracy": "Entities",
    },
    "embedding": {
        "bits_gained": "BitsGained",
        "perplexity": "Perplexity",
        "unigram_perplexity": "Perplexity",
    },
}
MODULES = {
    **dict.fromkeys(("TopK", "PerClass", "ExpectedCalibrationError"), "components.evaluator.metrics"),
    "Perplexity": "components.evaluator.perplexity",
    "BitsGained": "components.evaluator.bits_gained",
    "Entities": "components.evaluator.entities",
    "CorpusBleu": "components.evaluator.bleu",
}
PARAMETERS: dict[tuple[str, str], dict[str, Any]] = {
    ("TopK", "top_3_accuracy"): {"k": 3},
    ("TopK", "top_5_accuracy"): {"k": 5},
    **{("PerClass", name): {"score": name} for name in PER_CLASS},
    ("Perplexity", "unigram_perplexity"): {"log_likelihood": "unigram_log_likelihood"},
    ("Entities", "entity_f1"): {"figure": "f1"},
    ("Entities", "entity_precision"): {"figure": "precision"},
    ("Entities", "entity_recall"): {"figure": "recall"},
    ("Entities", "token_accuracy"): {"figure": "token_accuracy"},
}
# Numbers of an image that slices go by -> names of their buckets, low to high.
BUCKETS = {"brightness": ("dark", "middle", "bright"), "size": ("small", "middle", "large")}
PREDICTION_KEY = {
    "binary": "probability",
    "multiclass": "probabilities",
    "translation": "translation",
    "tagging": "tags",
}


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


def class_gates(config: Config) -> list[dict[str, Any]]:
    """The bounds that hold for every class, which TFMA's EvalConfig cannot name without the classes."""
    return [
        gate.model_dump(include={"metric", "lower", "upper", "max_drop"})
        for gate in config.evaluation.gates
        if gate.classes
    ]


def buckets(config: Config, slices: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """The columns of the slices whose numbers are put into buckets, with the buckets' names."""
    named = {column for columns in slices for column in columns}
    if config.data.images is None:
        return {}
    return {column: list(names) for column, names in BUCKETS.items() if column in named}


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
    outputs: list[str | None] = [None] if len(config.labels) < 2 else [*config.labels]
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
    class_name = CLASSES[config.task][metric]
    result = config_pb2.MetricConfig(
        class_name=class_name,
        module=MODULES.get(class_name, ""),
        config=json.dumps({"name": metric, **PARAMETERS.get((class_name, metric), {})}),
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
