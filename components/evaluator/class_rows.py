"""The part of the verdict on single classes: precision, recall and f1 of each, with their bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluator.metrics import EXAMPLES

Values = dict[tuple[str, str], float]


def class_rows(
    metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice],
    class_names: Sequence[str],
    baseline: str,
    baseline_class_names: Sequence[str],
    gates: Sequence[Mapping[str, Any]],
    min_examples: int,
    former: Mapping[tuple[str, str], float] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the verdict, overall, class by class in the order of the scores.

    Classes without a label or a prediction have no row. A change is not asked of classes that the baseline does not know.

    Args:
      metrics: TFMA's; those with a class index are taken.
      class_names: in the order of the scores; without them a class is called by its index.
      baseline: name of the model to compare with.
      baseline_class_names: in the order of that model's scores.
      gates: metric, lower, upper and max_drop of every class; higher values are better.
      min_examples: bounds do not hold for classes with fewer labels.
      former: (class, metric) -> value, where what is compared with was measured elsewhere.
    """
    values: Values = {}
    before: Values = dict(former or {})
    indices: dict[str, int] = {}
    for of_slice in metrics:
        if of_slice.slice_key.single_slice_keys:
            continue
        for item in of_slice.metric_keys_and_values:
            if not item.key.HasField("sub_key") or item.key.is_diff:
                continue
            of_baseline = item.key.model_name == baseline
            names = baseline_class_names if of_baseline else class_names
            index = item.key.sub_key.class_id.value
            name = names[index] if index < len(names) else str(index)
            (before if of_baseline else values)[name, item.key.name] = item.value.double_value.value
            if not of_baseline:
                indices[name] = index
    rows = []
    for (name, metric), value in values.items():
        if metric == EXAMPLES:
            continue
        examples = int(values[name, EXAMPLES])
        was = before.get((name, metric))
        held = [gate for gate in gates if gate["metric"] == metric and examples >= min_examples]
        row = {
            "slice": f"class {name}",
            "class": name,
            "output": "",
            "metric": metric,
            "value": value,
            **_bounds(held, was is not None),
            "baseline": was,
            "examples": examples,
        }
        rows.append({**row, "ok": _holds(row)})
    return sorted(rows, key=lambda row: (indices[row["class"]], row["metric"]))


def _bounds(gates: Sequence[Mapping[str, Any]], has_baseline: bool) -> dict[str, float | None]:
    """The strictest of the gates' bounds, `change` as the smallest allowed difference to the baseline."""
    drops = [gate["max_drop"] for gate in gates if gate["max_drop"] is not None and has_baseline]
    return {
        "lower": max((gate["lower"] for gate in gates if gate["lower"] is not None), default=None),
        "upper": min((gate["upper"] for gate in gates if gate["upper"] is not None), default=None),
        "change": -min(drops) if drops else None,
    }


def _holds(row: Mapping[str, Any]) -> bool | None:
    checks = []
    if row["lower"] is not None:
        checks.append(row["value"] >= row["lower"])
    if row["upper"] is not None:
        checks.append(row["value"] <= row["upper"])
    if row["change"] is not None:
        checks.append(row["value"] - row["baseline"] >= row["change"])
    return all(checks) if checks else None
