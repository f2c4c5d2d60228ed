"""The verdict on predictions with known metrics, by real runs of TFMA."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from components.evaluator.verdict import verdict
from pipeline import evaluation
from pipeline.sections import Config

Measured = Sequence[metrics_for_slice_pb2.MetricsForSlice]

CONFIG = {
    "name": "toy",
    "task": "binary",
    "label": "label",
    "data": {"path": "rows.csv"},
    "trainer": {"module": "trainer_modules.tabular"},
}
# Of ten rows of a city (six of them with label 1), how many the candidate and the baseline get right.
RIGHT = {"Oslo": (9, 10), "Paris, France": (6, 8)}


def example(label: int, new: float, old: float, city: str) -> bytes:
    features = tf.train.Features()
    features.feature["label_xf"].int64_list.value.append(label)
    features.feature["new"].float_list.value.append(new)
    features.feature["old"].float_list.value.append(old)
    features.feature["city"].bytes_list.value.append(city.encode())
    return tf.train.Example(features=features).SerializeToString()


def _probability(label: int, right: bool) -> float:
    return 0.9 if (label == 1) == right else 0.1


def configured(
    gates: Sequence[dict[str, Any]], slices: Sequence[Sequence[str]], metrics: Sequence[str] = ()
) -> config_pb2.EvalConfig:
    """The pipeline's own EvalConfig, with predictions from columns of the data."""
    config = Config.model_validate({**CONFIG, "evaluation": {"gates": list(gates), "metrics": list(metrics)}})
    eval_config = evaluation.eval_config(config, slices)
    del eval_config.model_specs[:]
    for name, column in (("candidate", "new"), ("baseline", "old")):
        eval_config.model_specs.add(
            name=name, label_key="label_xf", prediction_key=column, is_baseline=name == "baseline"
        )
    return eval_config


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """TFMA's metrics of both models: overall, by city, and by city and label."""
    folder = tmp_path_factory.mktemp("tfma")
    with tf.io.TFRecordWriter(str(folder / "rows.tfrecord")) as writer:
        for city, (new_right, old_right) in RIGHT.items():
            for row in range(10):
                label = int(row < 6)
                new, old = _probability(label, row < new_right), _probability(label, row < old_right)
                writer.write(example(label, new, old, city))
        writer.write(example(1, 0.1, 0.9, "Rome"))
    eval_config = configured(
        [{"metric": "accuracy", "lower": 0.0}], (("city",), ("city", "label_xf")), ("auc", "loss")
    )
    tfma.run_model_analysis(
        eval_config=eval_config,
        data_location=str(folder / "rows.tfrecord"),
        output_path=str(folder / "results"),
    )
    return list(tfma.load_metrics(str(folder / "results")))


def judged(
    measured: Measured,
    gates: Sequence[dict[str, Any]],
    has_baseline: bool = True,
    slices: Sequence[Sequence[str]] = (("city",),),
    min_slice_examples: int = 2,
) -> dict[str, Any]:
    """The verdict, after TFMA's own validation of the measured metrics."""
    eval_config = tfma.utils.update_eval_config_with_defaults(
        configured(gates, slices, ("auc", "loss")), has_baseline=has_baseline, rubber_stamp=not has_baseline
    )
    chosen = [
        _of_models(m, has_baseline)
        for m in measured
        if len(m.slice_key.single_slice_keys) in (0, len(slices[0]))
    ]
    validation = validation_result_pb2.ValidationResult(validation_ok=True)
    for of_slice in chosen:
        values = {
            metric_types.MetricKey.from_proto(item.key): np.array(item.value.double_value.value)
            for item in of_slice.metric_keys_and_values
        }
        found = metrics_validator.validate_metrics(
            (slicer_lib.deserialize_slice_key(of_slice.slice_key), values), eval_config
        )
        validation.validation_ok &= found.validation_ok
        validation.metric_validations_per_slice.extend(found.metric_validations_per_slice)
    return verdict(chosen, validation, eval_config, has_baseline, min_slice_examples)


def _of_models(
    of_slice: metrics_for_slice_pb2.MetricsForSlice, has_baseline: bool
) -> metrics_for_slice_pb2.MetricsForSlice:
    kept = metrics_for_slice_pb2.MetricsForSlice(slice_key=of_slice.slice_key)
    for item in of_slice.metric_keys_and_values:
        if has_baseline or not (item.key.is_diff or item.key.model_name == "baseline"):
            added = kept.metric_keys_and_values.add()
            added.CopyFrom(item)
            if not has_baseline:
                added.key.model_name = ""
    return kept


def row(result: dict[str, Any], slice_name: str = "overall", metric: str = "accuracy") -> dict[str, Any]:
    (found,) = [r for r in result["metrics"] if (r["slice"], r["metric"]) == (slice_name, metric)]
    return found


def test_values_baselines_and_counts(measured: Measured) -> None:
    result = judged(measured, [{"metric": "accuracy", "lower": 0.7}])
    assert result["blessed"] is True
    assert result["missing_slices"] == []
    overall = row(result)
    assert overall["value"] == pytest.approx(15 / 21)
    assert overall["baseline"] == pytest.approx(19 / 21)
    assert (overall["lower"], overall["upper"], overall["change"]) == (0.7, None, None)
    assert overall["ok"] is True
    assert overall["examples"] == 21
    oslo = row(result, "city=Oslo")
    assert oslo["value"] == pytest.approx(0.9)
    assert (oslo["examples"], oslo["ok"], oslo["lower"]) == (10, None, None)
    assert row(result, metric="auc")["ok"] is None
    assert result["metrics"][0]["slice"] == "overall"
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(
    ("gate", "blessed"),
    [
        ({"metric": "accuracy", "lower": 0.72}, False),
        ({"metric": "accuracy", "upper": 0.72}, True),
        ({"metric": "accuracy", "upper": 0.71}, False),
        ({"metric": "accuracy", "max_drop": 0.2}, True),
        ({"metric": "accuracy", "max_drop": 0.15}, False),
        # The candidate's loss is the higher one, by 0.42.
        ({"metric": "loss", "max_drop": 0.5}, True),
        ({"metric": "loss", "max_drop": 0.3}, False),
    ],
)
def test_bounds_of_the_whole(gate: dict[str, Any], blessed: bool, measured: Measured) -> None:
    result = judged(measured, [gate])
    assert result["blessed"] is blessed
    assert row(result, metric=gate["metric"])["ok"] is blessed
    if "max_drop" in gate:
        sign = 1 if gate["metric"] == "loss" else -1
        assert row(result, metric=gate["metric"])["change"] == sign * gate["max_drop"]


def test_a_gate_without_slices_leaves_slices_alone(measured: Measured) -> None:
    result = judged(measured, [{"metric": "accuracy", "lower": 0.7}])
    assert row(result, "city=Paris, France")["value"] == pytest.approx(0.6)
    assert row(result, "city=Paris, France")["ok"] is None
    assert result["blessed"] is True


def test_a_bad_slice_is_not_blessed(measured: Measured) -> None:
    result = judged(measured, [{"metric": "accuracy", "lower": 0.7, "slices": True}])
    assert row(result)["ok"] is True
    assert row(result, "city=Oslo")["ok"] is True
    assert row(result, "city=Paris, France")["ok"] is False
    assert result["blessed"] is False


def test_small_slices_are_measured_but_not_judged(measured: Measured) -> None:
    gates = [{"metric": "accuracy", "lower": 0.5, "slices": True}]
    result = judged(measured, gates)
    assert row(result, "city=Rome")["value"] == 0.0
    assert (row(result, "city=Rome")["ok"], row(result, "city=Rome")["examples"]) == (None, 1)
    assert result["blessed"] is True
    result = judged(measured, gates, min_slice_examples=1)
    assert row(result, "city=Rome")["ok"] is False
    assert result["blessed"] is False


def test_change_of_a_slice(measured: Measured) -> None:
    result = judged(measured, [{"metric": "accuracy", "max_drop": 0.195, "slices": True}])
    assert row(result)["ok"] is True
    paris = row(result, "city=Paris, France")
    assert (paris["value"], paris["baseline"]) == (pytest.approx(0.6), pytest.approx(0.8))
    assert paris["ok"] is False
    assert result["blessed"] is False


def test_without_a_baseline_only_values_count(measured: Measured) -> None:
    gates = [{"metric": "accuracy", "lower": 0.7, "max_drop": 0.0}]
    result = judged(measured, gates, has_baseline=False)
    assert row(result)["baseline"] is None
    assert row(result)["change"] is None
    assert row(result)["ok"] is True
    assert result["blessed"] is True


def test_two_gates_on_one_metric(measured: Measured) -> None:
    gates = [
        {"metric": "accuracy", "lower": 0.5, "slices": True},
        {"metric": "accuracy", "upper": 0.7},
    ]
    result = judged(measured, gates)
    assert (row(result)["lower"], row(result)["upper"], row(result)["ok"]) == (0.5, 0.7, False)
    oslo = row(result, "city=Oslo")
    assert (oslo["lower"], oslo["upper"], oslo["ok"]) == (0.5, None, True)


def test_crossed_columns(measured: Measured) -> None:
    gates = [{"metric": "accuracy", "lower": 0.7, "slices": True}]
    result = judged(measured, gates, slices=[("city", "label_xf")])
    assert row(result, "city=Oslo,label_xf=1")["ok"] is True
    assert row(result, "city=Paris, France,label_xf=0")["ok"] is False
    assert result["blessed"] is False
