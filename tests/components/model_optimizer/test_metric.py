"""Figures by hand: classes by name, missing labels, errors of several outputs."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from components.model_optimizer import metric
from components.model_optimizer.obstacle import Obstacle


def batch(**columns: list[list[object] | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})


def test_multiclass_accuracy_by_class_name() -> None:
    found = metric.create("multiclass", "accuracy", ["label"], ["a", "b", "c"])
    scores = np.array([[0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0]], np.float32)
    found.add({"probabilities": scores}, batch(label=[[b"b"], [b"a"], None, [b"unseen"]]))
    found.add({"probabilities": scores[:1]}, batch(label=[[b"b"]]))
    assert found.values() == {"label": 2 / 4}
    assert found.examples == 4


def test_binary_accuracy_of_whole_numbers() -> None:
    found = metric.create("binary", "accuracy", ["bought"], ["0", "1"])
    found.add({"probability": np.array([[0.9], [0.4], [0.6]])}, batch(bought=[[1], [0], [0]]))
    found.add({"probability": np.array([[0.9]])}, batch(bought=[[1.0]]))
    assert found.values() == {"bought": 3 / 4}


def test_an_answer_that_is_not_a_number_is_wrong() -> None:
    found = metric.create("multiclass", "accuracy", ["label"], ["a", "b"])
    found.add({"probabilities": np.array([[np.nan, np.nan]])}, batch(label=[[b"a"]]))
    assert found.values() == {"label": 0.0}


@pytest.mark.parametrize(
    ("name", "fat", "water"), [("mae", 1.5, 4.0), ("mse", 2.5, 16.0), ("rmse", math.sqrt(2.5), 4.0)]
)
def test_errors_by_label(name: str, fat: float, water: float) -> None:
    found = metric.create("regression", name, ["fat", "water"], [])
    answers = {"fat": np.array([[1.0], [4.0]]), "water": np.array([[5.0], [0.0]])}
    found.add(answers, batch(fat=[[2.0], [2.0]], water=[[1.0], None]))
    assert found.values() == pytest.approx({"fat": fat, "water": water})
    assert found.examples == 1


@pytest.mark.parametrize(
    ("task", "gated", "measured"),
    [
        ("multiclass", "accuracy", "accuracy"),
        ("binary", "auc", "accuracy"),
        ("regression", "rmse", "rmse"),
        ("regression", "mae", "mae"),
    ],
)
def test_what_is_measured_for_a_gate(task: str, gated: str, measured: str) -> None:
    assert metric.measured(task, gated) == measured


def test_a_loss_is_positive_where_the_form_is_worse() -> None:
    assert metric.losses("accuracy", {"label": 0.75}, {"label": 0.5}) == {"label": 0.25}
    assert metric.losses("mae", {"y": 1.0}, {"y": 1.5}) == {"y": 0.5}


def test_the_signature_does_not_answer_the_task() -> None:
    found = metric.create("multiclass", "accuracy", ["label"], ["a"])
    with pytest.raises(Obstacle) as caught:
        found.add({"embedding": np.zeros([1, 4])}, batch(label=[[b"a"]]))
    assert str(caught.value) == "the signature has no output probabilities; it has embedding"


def test_a_label_of_text_for_regression() -> None:
    found = metric.create("regression", "mae", ["y"], [])
    with pytest.raises(Obstacle) as caught:
        found.add({"y": np.zeros([1, 1])}, batch(y=[[b"high"]]))
    assert str(caught.value) == "label y holds text, regression needs numbers"
