"""A verdict beside that of an earlier evaluation of the same model on other data."""

from __future__ import annotations

from typing import Any

import pytest

from components.evaluator.class_rows import class_rows
from components.evaluator.verdict import verdict
from tests.components.evaluator.test_verdict import Measured, _of_models, configured, measured, row

__all__ = ["measured"]


def judged(measured: Measured, gate: dict[str, Any], was: float | None) -> dict[str, Any]:
    from tensorflow_model_analysis.proto import validation_result_pb2

    overall = [_of_models(m, False) for m in measured if not m.slice_key.single_slice_keys]
    values = [{"slice": "overall", "output": "", "metric": "accuracy", "value": was}]
    return verdict(
        overall,
        validation_result_pb2.ValidationResult(validation_ok=True),
        configured([gate], ()),
        has_baseline=False,
        min_slice_examples=1,
        former={"metrics": values},
    )


# Of 21 rows the candidate gets 15 right.
@pytest.mark.parametrize(("was", "holds"), [(0.75, True), (0.9, False)])
def test_the_change_is_that_to_the_former_value(measured: Measured, was: float, holds: bool) -> None:
    result = judged(measured, {"metric": "accuracy", "lower": 0.5, "max_drop": 0.1}, was)
    found = row(result)
    assert found["value"] == pytest.approx(15 / 21)
    assert (found["baseline"], found["change"], found["ok"]) == (was, -0.1, holds)
    assert result["blessed"] is holds


def test_without_a_former_value_the_bounds_alone_hold(measured: Measured) -> None:
    result = judged(measured, {"metric": "accuracy", "lower": 0.5, "max_drop": 0.0}, None)
    assert (row(result)["baseline"], row(result)["change"], row(result)["ok"]) == (None, None, True)


def test_classes_are_compared_with_their_former_values() -> None:
    from tensorflow_model_analysis.proto import metrics_for_slice_pb2

    of_slice = metrics_for_slice_pb2.MetricsForSlice()
    for name, value in (("recall", 0.7), ("example_count", 40.0)):
        item = of_slice.metric_keys_and_values.add()
        item.key.name = name
        item.key.sub_key.class_id.value = 0
        item.value.double_value.value = value
    gates = [{"metric": "recall", "lower": None, "upper": None, "max_drop": 0.1}]
    rows = class_rows([of_slice], ["cat"], "baseline", [], gates, 1, {("cat", "recall"): 0.9})
    assert [(r["class"], r["baseline"], r["ok"]) for r in rows] == [("cat", 0.9, False)]
