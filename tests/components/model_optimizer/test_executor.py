"""The whole component on a CNN that was trained: sizes, figures, what is kept and what is not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tfx.types import standard_artifacts

from components.model_optimizer import one_thread, report, version
from tests.components.model_optimizer import digits
from tests.components.model_optimizer.running import Optimized, optimized

FORMS = ["float32", "float16", "dynamic", "int8"]


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits.save_network(tmp_path_factory.mktemp("model") / "1")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Examples:
    return digits.image_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, saved_model: Path, examples: standard_artifacts.Examples
) -> Optimized:
    return optimized(tmp_path_factory.mktemp("made"), saved_model, examples)


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original is timed in a process of its own, which takes seconds to start: once is enough."""
    monkeypatch.setattr(one_thread, "milliseconds", lambda *_: [])


def answers(file: Path, pixels: np.ndarray) -> np.ndarray:
    """Probabilities [rows, 10] by the file's own signature, as an app asks it."""
    runner = Interpreter(str(file)).get_signature_runner("serving_default")
    return np.concatenate([runner(image=row[np.newaxis])["probabilities"].copy() for row in pixels])


def test_every_form_is_kept_and_measured(made: Optimized) -> None:
    found = made.report
    assert list(found["forms"]) == FORMS
    assert found["metric"] == "accuracy"
    assert found["examples"] == digits.EVAL_ROWS
    original = found["original"]
    assert original["values"]["label"] > 0.9
    assert original["latency_ms"]["requests"] == 200
    for form, figures in found["forms"].items():
        assert figures["kept"] is True, figures
        assert figures["reason"] is None
        assert figures["bytes"] == (made.folder / form / "model.tflite").stat().st_size
        assert figures["loss"] == pytest.approx(original["values"]["label"] - figures["values"]["label"])
        assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert made.edge.get_string_custom_property("kept") == "float32,float16,dynamic,int8"
    assert list(made.scratch.iterdir()) == []


def test_the_original_figure_is_the_share_of_right_answers(made: Optimized) -> None:
    pixels, labels = digits.images()
    scores = digits.network().predict(pixels[-digits.EVAL_ROWS :].astype(np.float32), verbose=0)
    right = (scores.argmax(axis=1) == labels[-digits.EVAL_ROWS :]).mean()
    assert made.report["original"]["values"]["label"] == pytest.approx(right, abs=1 / digits.EVAL_ROWS)


def test_sizes_are_ordered(made: Optimized) -> None:
    sizes = {form: figures["bytes"] for form, figures in made.forms.items()}
    assert sizes["float16"] < 0.55 * sizes["float32"]
    assert sizes["int8"] < 0.30 * sizes["float32"]
    assert sizes["dynamic"] < 0.30 * sizes["float32"]


def test_float32_agrees_with_the_saved_model(made: Optimized) -> None:
    pixels = digits.images()[0][-50:].astype(np.float32)
    signature = tf.saved_model.load(str(made.saved_model)).signatures["serving_default"]
    own = signature(image=tf.constant(pixels))["probabilities"].numpy()
    np.testing.assert_allclose(answers(made.folder / "float32" / "model.tflite", pixels), own, atol=1e-4)


def test_int8_loses_less_than_a_point(made: Optimized) -> None:
    assert abs(made.forms["int8"]["loss"]) <= 0.01


def test_int8_holds_no_float_weights_and_activations(made: Optimized) -> None:
    interpreter = Interpreter(str(made.folder / "int8" / "model.tflite"))
    (given,), (answered,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (given["dtype"], answered["dtype"]) == (np.float32, np.float32)
    floats = {t["name"] for t in interpreter.get_tensor_details() if t["dtype"] == np.float32}
    assert floats == {given["name"], answered["name"]}
    per_channel = [
        len(t["quantization_parameters"]["scales"])
        for t in interpreter.get_tensor_details()
        if t["dtype"] == np.int8
        and len(t["shape"]) == 4
        and t["quantization_parameters"]["quantized_dimension"] == 0
    ]
    assert {16, 32} <= set(per_channel)
    assert made.forms["int8"]["float_ops"] == []


def test_labels_and_metadata(made: Optimized) -> None:
    for form in FORMS:
        folder = made.folder / form
        assert (folder / "labels.txt").read_text().splitlines() == digits.CLASSES
        with zipfile.ZipFile(folder / "model.tflite") as archive:
            assert archive.read("labels.txt").decode().splitlines() == digits.CLASSES
        described = json.loads((folder / "metadata.json").read_text())
        assert described == {
            "name": "digits",
            "form": form,
            "task": "multiclass",
            "signature": "serving_default",
            "inputs": [
                {
                    "name": "image",
                    "dtype": "float32",
                    "shape": [1, 8, 8, 1],
                    "color_space": "GRAYSCALE",
                    "range": [0, 255],
                }
            ],
            "outputs": [
                {"name": "probabilities", "dtype": "float32", "shape": [1, 10], "labels": "labels.txt"}
            ],
            "classes": digits.CLASSES,
        }


@pytest.mark.usefixtures("untimed")
def test_the_same_inputs_give_the_same_files(
    made: Optimized, tmp_path: Path, examples: standard_artifacts.Examples
) -> None:
    again = optimized(tmp_path, made.saved_model, examples, forms=("float32", "int8"))
    assert sorted(entry.name for entry in again.folder.iterdir()) == ["float32", "int8", "optimized.json"]
    for form in ("float32", "int8"):
        first, second = ((each.folder / form / "model.tflite").read_bytes() for each in (made, again))
        assert first == second
        assert again.forms[form]["values"] == made.forms[form]["values"]


@pytest.mark.usefixtures("untimed")
def test_a_form_that_loses_too_much_is_named_and_not_kept(saved_model: Path, tmp_path: Path) -> None:
    black = digits.image_examples(tmp_path / "examples", black=True)
    planted = optimized(tmp_path, saved_model, black, gate="fail", forms=("float32", "int8"))
    int8 = planted.forms["int8"]
    assert int8["kept"] is False
    assert int8["loss"] > 0.1
    own, value = planted.report["original"]["values"]["label"], int8["values"]["label"]
    assert report.left_out(planted.report) == [
        f"int8: accuracy {value:.4f} is {own - value:.4f} worse than the original's {own:.4f} (max_loss: 0.01)"
    ]
    assert report.gate_failure(planted.report) == report.left_out(planted.report)[0]
    assert sorted(entry.name for entry in planted.folder.iterdir()) == ["float32", "optimized.json"]
    assert planted.edge.get_string_custom_property("kept") == "float32"


def test_nothing_is_made_of_a_model_without_a_blessing(
    saved_model: Path, examples: standard_artifacts.Examples, tmp_path: Path
) -> None:
    made = optimized(tmp_path, saved_model, examples, blessed=False)
    assert report.left_out(made.report) == ["float32, float16, dynamic, int8: the model is not blessed"]
    assert [entry.name for entry in made.folder.iterdir()] == ["optimized.json"]
    assert made.edge.get_string_custom_property("kept") == ""


def test_the_forms_go_beside_the_saved_model(made: Optimized, tmp_path: Path) -> None:
    version.add(made.folder, tmp_path / "1")
    edge = tmp_path / "1" / "assets.extra" / "edge"
    assert sorted(entry.name for entry in edge.iterdir()) == sorted([*FORMS, "optimized.json"])
    assert (edge / "int8" / "model.tflite").read_bytes() == (
        made.folder / "int8" / "model.tflite"
    ).read_bytes()
