"""Findings of batches of extracts as TFMA hands them on: one model or two, classes or numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.findings import Answers, _Combine, write

SPEC = {
    "binary": config_pb2.ModelSpec(name="candidate", label_key="label_xf", prediction_key="probability"),
    "multiclass": config_pb2.ModelSpec(
        name="candidate", label_key="label_xf", prediction_key="probabilities"
    ),
    "regression": config_pb2.ModelSpec(name="candidate", label_key="fat_xf", prediction_key="fat"),
    "outputs": config_pb2.ModelSpec(name="candidate", label_keys={"water": "water_xf", "fat": "fat_xf"}),
}


def rows(count: int) -> np.ndarray:
    """Serialized examples that are told apart by their feature `row`."""
    made = [tf.train.Example() for _ in range(count)]
    for number, example in enumerate(made):
        example.features.feature["row"].int64_list.value.append(number)
    return np.array([example.SerializeToString() for example in made], object)


def found(folder: Path, answers: Answers, *batches: tuple[Any, Any, np.ndarray]) -> list[dict[str, Any]]:
    """The mistakes of batches (labels, predictions, examples), each of them by a worker of its own."""
    combine = _Combine(answers)
    parts = [
        combine.add_input(
            combine.create_accumulator(),
            {tfma.LABELS_KEY: labels, tfma.PREDICTIONS_KEY: predictions, tfma.INPUT_KEY: examples},
        )
        for labels, predictions, examples in batches
    ]
    write(combine.extract_output(combine.merge_accumulators(parts)), answers)
    file = folder / "mistakes" / "mistakes.json"
    return json.loads(file.read_text()) if file.exists() else []


def answers(kind: str, folder: Path, **changes: Any) -> Answers:
    values = {
        "spec": SPEC[kind],
        "keyed_by_model": False,
        "task": "regression" if kind == "outputs" else kind,
        "class_names": [],
        "most": 2,
        "folder": str(folder),
    }
    return Answers(**{**values, **changes})


def confusion(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "confusion.json").read_text())


def test_binary(tmp_path: Path) -> None:
    predictions = {"probability": np.array([[0.9], [0.8], [0.3], [0.5]]), "label": np.array(["x"] * 4)}
    labels = np.array([[0], [1], [1], [0]])
    told = found(
        tmp_path, answers("binary", tmp_path, class_names=["no", "yes"]), (labels, predictions, rows(4))
    )
    assert confusion(tmp_path) == {"classes": ["no", "yes"], "counts": [[1, 1], [1, 1]], "unknown": [0, 0]}
    assert [(row["true"], row["predicted"], row["features"]["row"]) for row in told] == [
        ("no", "yes", 0),
        ("yes", "no", 2),
    ]
    assert [row["confidence"] for row in told] == pytest.approx([0.9, 0.7])
    assert [row["score_of_true"] for row in told] == pytest.approx([0.1, 0.3])


def test_the_candidate_beside_a_baseline_over_several_batches(tmp_path: Path) -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]], np.float32)
    batch = {"candidate": {"probabilities": scores}, "baseline": {"probabilities": scores[::-1]}}
    labels = {"candidate": np.array([1, 2, -1]), "baseline": np.array([0, 0, 0])}
    examples = rows(6)
    told = found(
        tmp_path,
        answers("multiclass", tmp_path, class_names=["a", "b", "c"], keyed_by_model=True, most=3),
        (labels, batch, examples[:3]),
        (labels, batch, examples[3:]),
    )
    assert confusion(tmp_path)["counts"] == [[0, 0, 0], [2, 0, 0], [0, 0, 2]]
    assert confusion(tmp_path)["unknown"] == [0, 2, 0]
    assert [(row["true"], row["predicted"], row["features"]["row"]) for row in told] == [
        ("b", "a", 3),
        ("b", "a", 0),
        (None, "b", 5),
    ]
    assert told[2]["score_of_true"] is None


def test_classes_without_names_are_called_by_their_index(tmp_path: Path) -> None:
    scores = {"probabilities": np.array([[0.1, 0.7, 0.2], [0.1, 0.3, 0.6]])}
    (row,) = found(tmp_path, answers("multiclass", tmp_path), (np.array([1, 0]), scores, rows(2)))
    assert (row["true"], row["predicted"]) == ("0", "2")
    assert confusion(tmp_path)["classes"] == ["0", "1", "2"]


@pytest.mark.parametrize("named", [True, False])
def test_residuals_of_one_output(tmp_path: Path, named: bool) -> None:
    """TFMA hands on an only output without its name."""
    labels = np.array([1.0, 5.0, np.nan, 2.0, 3.0])
    only = np.array([[1.5], [2.0], [7.0], [2.0], [np.inf]])
    predictions = {"fat": only} if named else only
    told = found(tmp_path, answers("regression", tmp_path), (labels, predictions, rows(5)))
    assert [(row["output"], row["residual"], row["features"]["row"]) for row in told] == [
        ("fat", 3.0, 1),
        ("fat", -0.5, 0),
    ]
    assert not (tmp_path / "confusion.json").exists()


def test_residuals_of_several_outputs(tmp_path: Path) -> None:
    labels = {"water": np.array([[1.0], [2.0]]), "fat": np.array([[1.0], [2.0]])}
    predictions = {"water": np.array([[4.0], [2.5]]), "fat": np.array([[1.0], [2.25]])}
    told = found(tmp_path, answers("outputs", tmp_path, most=1), (labels, predictions, rows(2)))
    assert [(row["output"], row["residual"], row["features"]["row"]) for row in told] == [
        ("fat", -0.25, 1),
        ("water", -3.0, 0),
    ]


def test_none_are_kept_when_none_are_asked_for(tmp_path: Path) -> None:
    scores = {"probability": np.array([[0.9], [0.2]])}
    assert found(tmp_path, answers("binary", tmp_path, most=0), (np.array([0, 1]), scores, rows(2))) == []
    assert confusion(tmp_path)["counts"] == [[0, 1], [1, 0]]


def test_memory_does_not_grow_with_the_examples(tmp_path: Path) -> None:
    combine = _Combine(answers("binary", tmp_path, most=5))
    accumulator = combine.create_accumulator()
    scores = np.linspace(0.5, 1, 200)[:, None]
    for _ in range(50):
        accumulator = combine.add_input(
            accumulator,
            {
                tfma.LABELS_KEY: np.zeros([200]),
                tfma.PREDICTIONS_KEY: {"probability": scores},
                tfma.INPUT_KEY: np.array([bytes([row % 250] * 1000) for row in range(200)], object),
            },
        )
    assert accumulator.tally.examples == 10_000
    kept = list(accumulator.worst)
    assert len(kept) == 5
    assert [mistake.weight for mistake in kept] == [1.0] * 5
