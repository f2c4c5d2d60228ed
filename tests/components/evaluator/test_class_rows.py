"""The verdict's rows on classes: bounds, the baseline, and classes too small to judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluator.class_rows import class_rows

Figures = Mapping[int, tuple[float, int]]


def measured(
    candidate: Figures, baseline: Figures | None = None
) -> list[metrics_for_slice_pb2.MetricsForSlice]:
    """The recall and the examples of classes by index, overall, and in a slice that has no rows."""
    overall, of_slice = metrics_for_slice_pb2.MetricsForSlice(), metrics_for_slice_pb2.MetricsForSlice()
    of_slice.slice_key.single_slice_keys.add(column="city", bytes_value=b"Oslo")
    for model, figures in (("candidate", candidate), ("baseline", baseline or {})):
        for index, values in figures.items():
            for name, value in zip(("recall", "example_count"), values, strict=True):
                for found in (overall, of_slice):
                    item = found.metric_keys_and_values.add()
                    item.key.name, item.key.model_name = name, model
                    item.key.sub_key.class_id.value = index
                    item.value.double_value.value = value
    return [overall, of_slice]


def judged(
    candidate: Figures, *gates: dict[str, Any], baseline: Figures | None = None
) -> list[dict[str, Any]]:
    bounds = [{"metric": "recall", "lower": None, "upper": None, "max_drop": None, **gate} for gate in gates]
    return class_rows(measured(candidate, baseline), ["coat", "bag"], "baseline", ["bag", "hat"], bounds, 5)


def test_a_class_without_bounds_is_not_judged() -> None:
    assert judged({1: (0.5, 10)}) == [
        {
            "slice": "class bag",
            "class": "bag",
            "output": "",
            "metric": "recall",
            "value": 0.5,
            "lower": None,
            "upper": None,
            "change": None,
            "baseline": None,
            "examples": 10,
            "ok": None,
        }
    ]


@pytest.mark.parametrize(
    ("gate", "ok"),
    [
        ({"lower": 0.5}, True),
        ({"lower": 0.51}, False),
        ({"upper": 0.5}, True),
        ({"upper": 0.49}, False),
        ({"lower": 0.4, "upper": 0.6}, True),
        ({"metric": "f1", "lower": 0.9}, None),
    ],
)
def test_bounds(gate: dict[str, Any], ok: bool | None) -> None:
    (row,) = judged({0: (0.5, 10)}, gate)
    assert row["ok"] is ok


def test_the_strictest_of_several_gates_holds() -> None:
    (row,) = judged({1: (0.5, 10)}, {"lower": 0.2, "max_drop": 0.3}, {"lower": 0.4, "max_drop": 0.1},
                    baseline={0: (0.65, 10)})  # fmt: skip
    assert (row["lower"], row["change"], row["baseline"], row["ok"]) == (0.4, -0.1, 0.65, False)


def test_a_drop_is_measured_against_the_class_of_the_same_name() -> None:
    rows = judged({0: (0.5, 10), 1: (0.5, 10)}, {"max_drop": 0.1}, baseline={0: (0.55, 9), 1: (0.9, 9)})
    assert [(row["class"], row["baseline"], row["change"], row["ok"]) for row in rows] == [
        ("coat", None, None, None),
        ("bag", 0.55, -0.1, True),
    ]


def test_small_classes_are_not_judged() -> None:
    rows = judged({0: (0.1, 4), 1: (0.1, 5)}, {"lower": 0.5})
    assert [(row["class"], row["ok"]) for row in rows] == [("coat", None), ("bag", False)]


def test_a_class_without_a_name_is_called_by_its_index() -> None:
    rows = judged({7: (0.5, 10), 0: (0.25, 10)})
    assert [row["class"] for row in rows] == ["coat", "7"]
