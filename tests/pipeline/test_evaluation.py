"""The evaluation section as TFMA's EvalConfig: metrics, slices, bounds and their signs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

import components.evaluator.metrics  # noqa: F401
from pipeline import evaluation, fingerprint
from pipeline.sections import Config
from pipeline.task_metrics import METRICS


def configured(
    gates: Sequence[dict[str, Any]],
    task: str = "binary",
    label: str | list[str] = "label",
    metrics: Sequence[str] = (),
    data: dict[str, Any] | None = None,
) -> Config:
    return Config.model_validate(
        {
            "name": "toy",
            "task": task,
            "label": label,
            "data": data or {"path": "rows.csv"},
            "trainer": {"module": "trainer_modules.tabular"},
            "evaluation": {"gates": gates, "metrics": metrics},
        }
    )


def built(
    gates: Sequence[dict[str, Any]], slices: Sequence[Sequence[str]] = (), **changes: Any
) -> config_pb2.EvalConfig:
    return evaluation.eval_config(configured(gates, **changes), slices)


def metric(built: config_pb2.EvalConfig, name: str, spec: int = 0) -> config_pb2.MetricConfig:
    (found,) = [m for m in built.metrics_specs[spec].metrics if f'"name": "{name}"' in m.config]
    return found


@pytest.mark.parametrize(
    ("task", "key"), [("binary", "probability"), ("multiclass", "probabilities"), ("regression", "label")]
)
def test_models_are_asked_by_signature(task: str, key: str) -> None:
    metric_name = next(iter(METRICS[task]))
    (spec,) = built([{"metric": metric_name, "upper": 1}], task=task).model_specs
    assert spec.signature_name == "serving_examples"
    assert list(spec.preprocessing_function_names) == ["transform_features"]
    assert (spec.label_key, spec.prediction_key) == ("label_xf", key)


def test_every_metric_has_a_class_of_tfma() -> None:
    for task, metrics in METRICS.items():
        assert set(evaluation.CLASSES[task]) == set(metrics)
        made = built([{"metric": next(iter(metrics)), "lower": 0}], task=task, metrics=list(metrics))
        classes = [m.class_name for m in made.metrics_specs[0].metrics]
        assert classes == ["ExampleCount", *(evaluation.CLASSES[task][name] for name in metrics)]


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_metrics_of_our_own_are_made_by_tfma(task: str) -> None:
    metrics = [name for name, made in evaluation.CLASSES[task].items() if made in evaluation.MODULES]
    assert metrics
    made = built([{"metric": "accuracy", "lower": 0}], task=task, metrics=metrics)
    specs = metric_specs.keys_and_metrics_from_specs(made, made.metrics_specs)
    found = {key.name: instance for key, _, instance in specs}
    assert set(found) == {"example_count", "accuracy", *metrics}
    for name in metrics:
        assert type(found[name]).__name__ == evaluation.CLASSES[task][name]
        assert found[name].get_config()["name"] == name


def test_a_change_of_a_metric_of_ours_is_one_of_the_evaluator() -> None:
    assert set(evaluation.MODULES.values()) <= set(fingerprint._closure("components.evaluator.executor"))


def test_parameters_of_our_metrics() -> None:
    made = built([{"metric": "top_3_accuracy", "lower": 0}], task="multiclass", metrics=["f1", "accuracy"])
    assert json.loads(metric(made, "top_3_accuracy").config) == {"name": "top_3_accuracy", "k": 3}
    assert json.loads(metric(made, "f1").config) == {"name": "f1", "score": "f1"}
    assert json.loads(metric(made, "accuracy").config) == {"name": "accuracy"}
    assert json.loads(metric(built([{"metric": "f1", "lower": 0}]), "f1").config) == {"name": "f1"}


def test_both_perplexities_of_embeddings_are_of_one_class() -> None:
    made = built(
        [{"metric": "bits_gained", "lower": 0}],
        task="embedding",
        metrics=["perplexity", "unigram_perplexity"],
    )
    specs = metric_specs.keys_and_metrics_from_specs(made, made.metrics_specs)
    found = {key.name: type(instance).__name__ for key, _, instance in specs}
    assert found == {
        "example_count": "ExampleCount",
        "bits_gained": "BitsGained",
        "perplexity": "Perplexity",
        "unigram_perplexity": "Perplexity",
    }
    named = json.loads(metric(made, "unigram_perplexity").config)
    assert named == {"name": "unigram_perplexity", "log_likelihood": "unigram_log_likelihood"}
    assert json.loads(metric(made, "perplexity").config) == {"name": "perplexity"}


def test_bounds_of_classes() -> None:
    gates = [
        {"metric": "accuracy", "lower": 0.5},
        {"metric": "recall", "lower": 0.4, "max_drop": 0.1, "classes": True},
    ]
    assert evaluation.class_gates(configured(gates, task="multiclass")) == [
        {"metric": "recall", "lower": 0.4, "upper": None, "max_drop": 0.1}
    ]


def test_numbers_of_images_are_put_into_buckets() -> None:
    images = {"images": "folders", "path": "photos"}
    gates = [{"metric": "accuracy", "lower": 0.5}]
    found = evaluation.buckets(configured(gates, data=images), [["label", "brightness"], ["height"]])
    assert found == {"brightness": ["dark", "middle", "bright"]}
    assert evaluation.buckets(configured(gates), [["brightness"], ["size"]]) == {}


def test_bounds() -> None:
    made = built([{"metric": "auc", "lower": 0.8, "upper": 0.9}], metrics=["accuracy"])
    (threshold,) = metric(made, "auc").per_slice_thresholds
    assert threshold.threshold.value_threshold.lower_bound.value == 0.8
    assert threshold.threshold.value_threshold.upper_bound.value == 0.9
    assert not threshold.threshold.HasField("change_threshold")
    assert [list(s.feature_keys) for s in threshold.slicing_specs] == [[]]
    assert not metric(made, "accuracy").per_slice_thresholds


@pytest.mark.parametrize(
    ("task", "name", "higher"), [(t, m, up) for t, ms in METRICS.items() for m, up in ms.items()]
)
def test_the_sign_of_a_change_follows_the_metric(task: str, name: str, higher: bool) -> None:
    made = built([{"metric": name, "max_drop": 0.25}], task=task)
    change = metric(made, name).per_slice_thresholds[0].threshold.change_threshold
    directions = config_pb2.MetricDirection
    assert change.direction == (directions.HIGHER_IS_BETTER if higher else directions.LOWER_IS_BETTER)
    assert change.absolute.value == (-0.25 if higher else 0.25)


def test_slices_are_measured_and_bounded_only_where_asked() -> None:
    slices = [["color"], ["color", "size"]]
    made = built(
        [{"metric": "accuracy", "lower": 0.5}, {"metric": "auc", "lower": 0.6, "slices": True}], slices
    )
    assert [list(s.feature_keys) for s in made.slicing_specs] == [[], *slices]
    (overall,) = metric(made, "accuracy").per_slice_thresholds
    assert [list(s.feature_keys) for s in overall.slicing_specs] == [[]]
    (everywhere,) = metric(made, "auc").per_slice_thresholds
    assert [list(s.feature_keys) for s in everywhere.slicing_specs] == [[], *slices]


def test_several_outputs() -> None:
    gates = [{"metric": "rmse", "upper": 2.0}, {"metric": "mae", "upper": 1.0, "output": "fat"}]
    made = built(gates, task="regression", label=["water", "fat"])
    candidate = made.model_specs[0]
    assert dict(candidate.label_keys) == {"water": "water_xf", "fat": "fat_xf"}
    assert candidate.label_key == ""
    assert [list(spec.output_names) for spec in made.metrics_specs] == [["water"], ["fat"]]
    for spec in (0, 1):
        (threshold,) = metric(made, "rmse", spec).per_slice_thresholds
        assert threshold.threshold.value_threshold.upper_bound.value == 2.0
    assert not metric(made, "mae", 0).per_slice_thresholds
    assert len(metric(made, "mae", 1).per_slice_thresholds) == 1
