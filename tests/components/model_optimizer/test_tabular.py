"""Tables: numeric columns alone make forms; text gives one line and no form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.model_optimizer import one_thread, report
from tests.components.model_optimizer import digits
from tests.components.model_optimizer.running import optimized

WEIGHTS = [[2.0], [-3.0]]


@pytest.fixture(autouse=True)
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_thread, "milliseconds", lambda *_: [])


class Line(tf.Module):
    """y = 2 x1 - 3 x2, and `red` where that is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(WEIGHTS)

    def scores(self, features: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.stack([features["x1"], features["x2"]], axis=1) @ self.weights

    def serving(self, task: str):
        spec = {name: tf.TensorSpec([None], tf.float32, name=name) for name in ("x1", "x2")}

        @tf.function(input_signature=[spec])
        def serving_default(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            scores = self.scores(features)
            return {"y": scores} if task == "regression" else {"probability": tf.sigmoid(scores)}

        return serving_default


def rows() -> list[bytes]:
    points = np.random.default_rng(0).normal(size=(200, 2))
    truth = (points @ np.array(WEIGHTS))[:, 0]
    return [
        digits.example(x1=float(a), x2=float(b), y=float(y) + 0.5, color=b"red" if y > 0 else b"blue")
        for (a, b), y in zip(points, truth, strict=True)
    ]


def test_regression_is_measured_by_its_error(tmp_path: Path) -> None:
    module = Line()
    saved = digits.save(tmp_path / "m" / "1", module, [], serving_default=module.serving("regression"))
    stored = digits.examples(tmp_path / "examples", train=rows()[:100], eval=rows()[100:])
    made = optimized(
        tmp_path, saved, stored, task="regression", labels=("y",), metric="mae", forms=("float32", "int8")
    )
    assert made.report["metric"] == "mae"
    assert made.report["original"]["values"]["y"] == pytest.approx(0.5, abs=1e-5)
    assert made.forms["float32"]["loss"] == pytest.approx(0.0, abs=1e-5)
    assert made.forms["float32"]["kept"] is True
    assert not (made.folder / "float32" / "labels.txt").exists()


def test_a_binary_model(tmp_path: Path) -> None:
    module = Line()
    saved = digits.save(
        tmp_path / "m" / "1", module, ["blue", "red"], serving_default=module.serving("binary")
    )
    stored = digits.examples(tmp_path / "examples", train=rows()[:100], eval=rows()[100:])
    made = optimized(tmp_path, saved, stored, task="binary", labels=("color",), max_loss=0.05)
    assert made.report["original"]["values"]["color"] == 1.0
    assert [form for form, found in made.forms.items() if found["kept"]] == [
        "float32",
        "float16",
        "dynamic",
        "int8",
    ]
    assert (made.folder / "int8" / "labels.txt").read_text() == "blue\nred\n"


def test_a_model_of_texts_gives_one_line(tmp_path: Path) -> None:
    @tf.function(input_signature=[{"island": tf.TensorSpec([None], tf.string, name="island")}])
    def serving_default(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"probability": tf.cast(tf.strings.length(features["island"]), tf.float32)[:, None]}

    saved = digits.save(tmp_path / "m" / "1", tf.Module(), ["a", "b"], serving_default=serving_default)
    stored = digits.examples(tmp_path / "examples", train=[], eval=[digits.example(island=b"Dream")])
    made = optimized(tmp_path, saved, stored, task="binary", gate="fail")
    line = (
        "float32, float16, dynamic, int8: signature serving_default takes text (island);"
        " forms are made of signatures that take numbers alone"
    )
    assert report.left_out(made.report) == [line]
    assert report.gate_failure(made.report) == line
    assert made.report["original"] is None
    assert [entry.name for entry in made.folder.iterdir()] == ["optimized.json"]


def test_a_model_without_class_names(tmp_path: Path) -> None:
    module = Line()
    saved = digits.save(tmp_path / "m" / "1", module, [], serving_default=module.serving("binary"))
    made = optimized(tmp_path, saved, digits.examples(tmp_path / "e", train=[], eval=[]), task="binary")
    assert report.left_out(made.report) == [
        "float32, float16, dynamic, int8: the model has no assets/class_names.txt: its scores have no names"
    ]


def test_no_example_to_measure_on(tmp_path: Path) -> None:
    module = Line()
    saved = digits.save(tmp_path / "m" / "1", module, [], serving_default=module.serving("regression"))
    made = optimized(
        tmp_path,
        saved,
        digits.examples(tmp_path / "examples", train=rows(), eval=[]),
        task="regression",
        labels=("y",),
        metric="mae",
        forms=("float32",),
    )
    assert report.left_out(made.report) == ["float32: the split eval has no example with a label (y)"]
    assert [entry.name for entry in made.folder.iterdir()] == ["optimized.json"]
