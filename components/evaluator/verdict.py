"""The verdict on a model: each metric of each slice with its bounds, its baseline and whether it held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from components.evaluator.class_rows import class_rows
from components.evaluator.metrics import EXAMPLES

BASELINE = "baseline"
OVERALL = "overall"

Values = dict[tuple[str, str, str], float]


def verdict(
    metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice],
    validation: validation_result_pb2.ValidationResult,
    eval_config: tfma.EvalConfig,
    has_baseline: bool,
    min_slice_examples: int,
    class_names: Sequence[str] = (),
    baseline_class_names: Sequence[str] = (),
    class_gates: Sequence[Mapping[str, Any]] = (),
    former: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """TFMA's results and validation as JSON-able values.

    It differs from TFMA in two things: bounds do not hold for slices with fewer than `min_slice_examples` examples,
    and metrics of single classes are bounded too.

    Args:
      metrics: of all slices, models and classes.
      validation: TFMA's.
      eval_config: metrics, slices and thresholds.
      has_baseline: whether there is a model to compare with.
      min_slice_examples: smallest slice, and class, that bounds hold for.
      class_names: in the order of the scores.
      baseline_class_names: in the order of the baseline's scores.
      class_gates: bounds for every class: metric, lower, upper, max_drop.
      former: a verdict on the same model and other data, whose values take the place of a baseline's.

    Returns:
      `blessed`: bool; `metrics`: a list of {slice, output, metric, value, lower, upper, change, baseline, ok,
      examples}, where `change` is the smallest allowed difference to the baseline (largest, for a metric that should
      be low), `ok` is None without a bound, and a value that is not a number is None; a metric of one class overall has
      the slice `class NAME`, and its name as `class`; `missing_slices`: list of str; `missing_thresholds`: bool.
    """
    metrics = list(metrics)
    candidate, baseline = _values(metrics)
    of_classes: dict[tuple[str, str], float] = {}
    if former is not None:
        baseline, of_classes = _former(former)
    failed = _failures(validation)
    columns = {
        _slice_name(found.slice_key): sorted(single.column for single in found.slice_key.single_slice_keys)
        for found in (*metrics, *validation.metric_validations_per_slice)
    }
    rows = []
    for key in sorted({*candidate, *failed}, key=_overall_first):
        slice_name, output, metric = key
        if metric == EXAMPLES:
            continue
        examples = _examples(candidate, slice_name, output)
        bounds = _bounds(eval_config, columns[slice_name], output, metric)
        was = _finite(baseline.get(key))
        if not has_baseline and (former is None or was is None):
            bounds["change"] = None
        if slice_name != OVERALL and (examples or 0) < min_slice_examples:
            bounds = dict.fromkeys(bounds)
        bounded = any(bound is not None for bound in bounds.values())
        value = _finite(candidate.get(key))
        # What TFMA did not measure itself, it did not compare.
        kept = former is None or _keeps_up(value, was, bounds["change"])
        rows.append(
            {
                "slice": slice_name,
                "output": output,
                "metric": metric,
                "value": value,
                **bounds,
                "baseline": was,
                "ok": key not in failed and kept if bounded else None,
                "examples": examples,
            }
        )
    first_slice = next((i for i, row in enumerate(rows) if row["slice"] != OVERALL), len(rows))
    rows[first_slice:first_slice] = class_rows(
        metrics, class_names, BASELINE, baseline_class_names, class_gates, min_slice_examples, of_classes
    )
    blessed = (
        any(row["ok"] for row in rows)
        and all(row["ok"] is not False for row in rows)
        and not validation.missing_slices
        and not validation.missing_thresholds
    )
    return {
        "blessed": blessed,
        "metrics": rows,
        "missing_slices": [_slice_spec(spec) for spec in validation.missing_slices],
        "missing_thresholds": validation.missing_thresholds,
    }


def _values(metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice]) -> tuple[Values, Values]:
    candidate: Values = {}
    baseline: Values = {}
    for of_slice in metrics:
        name = _slice_name(of_slice.slice_key)
        for item in of_slice.metric_keys_and_values:
            kind = item.value.WhichOneof("type")
            if (
                item.key.is_diff
                or item.key.HasField("sub_key")
                or kind not in ("double_value", "bounded_value")
            ):
                continue
            value = getattr(item.value, kind).value
            value = value.value if kind == "double_value" and hasattr(value, "value") else value
            values = baseline if item.key.model_name == BASELINE else candidate
            values[(name, item.key.output_name, item.key.name)] = float(value)
    return candidate, baseline


def _former(verdict: Mapping[str, Any]) -> tuple[Values, dict[tuple[str, str], float]]:
    """The values of an earlier verdict, and those of single classes."""
    known = [row for row in verdict["metrics"] if row["value"] is not None]
    values = {
        (row["slice"], row["output"], row["metric"]): row["value"] for row in known if "class" not in row
    }
    return values, {(row["class"], row["metric"]): row["value"] for row in known if "class" in row}


def _keeps_up(value: float | None, was: float | None, change: float | None) -> bool:
    """Whether a value is not worse than the smallest allowed difference (negative where higher is better)."""
    if change is None or was is None:
        return True
    if value is None:
        return False
    return value - was >= change if math.copysign(1, change) < 0 else value - was <= change


def _failures(validation: validation_result_pb2.ValidationResult) -> set[tuple[str, str, str]]:
    return {
        (_slice_name(of_slice.slice_key), failure.metric_key.output_name, failure.metric_key.name)
        for of_slice in validation.metric_validations_per_slice
        for failure in of_slice.failures
    }


def _bounds(
    eval_config: tfma.EvalConfig, columns: list[str], output: str, metric: str
) -> dict[str, float | None]:
    """The strictest bounds on a metric of the slices by these columns."""
    thresholds = []
    for spec in eval_config.metrics_specs:
        if output and spec.output_names and output not in spec.output_names:
            continue
        for config in spec.metrics:
            if f'"name": "{metric}"' not in config.config:
                continue
            for item in config.per_slice_thresholds:
                if any(sorted(spec.feature_keys) == columns for spec in item.slicing_specs):
                    thresholds.append(item.threshold)
    values = [threshold.value_threshold for threshold in thresholds]
    changes = [threshold.change_threshold for threshold in thresholds]
    lower = [value.lower_bound.value for value in values if value.HasField("lower_bound")]
    upper = [value.upper_bound.value for value in values if value.HasField("upper_bound")]
    change = [change.absolute.value for change in changes if change.HasField("absolute")]
    return {
        "lower": max(lower, default=None),
        "upper": min(upper, default=None),
        "change": min(change, key=abs, default=None),
    }


def _examples(values: Values, slice_name: str, output: str) -> int | None:
    count = values.get((slice_name, output, EXAMPLES), values.get((slice_name, "", EXAMPLES)))
    return None if count is None else int(count)


def _slice_name(key: metrics_for_slice_pb2.SliceKey) -> str:
    parts = []
    for single in key.single_slice_keys:
        kind = single.WhichOneof("kind")
        value = getattr(single, kind) if kind else ""
        parts.append(f"{single.column}={value.decode() if isinstance(value, bytes) else value}")
    return ",".join(parts) or OVERALL


def _slice_spec(spec: Any) -> str:
    return ",".join([*spec.feature_keys, *(f"{k}={v}" for k, v in spec.feature_values.items())]) or OVERALL


def _overall_first(key: tuple[str, str, str]) -> tuple[bool, str, str, str]:
    slice_name, output, metric = key
    return (slice_name != OVERALL, slice_name, output, metric)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
