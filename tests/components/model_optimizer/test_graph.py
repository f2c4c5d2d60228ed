"""What a signature must be so that forms can be made of it, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.model_optimizer import graph
from components.model_optimizer.convert import convert, float_ops
from components.model_optimizer.interpreter import Interpreter
from components.model_optimizer.obstacle import Obstacle

Answer = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def loaded(folder: Path, answer: Answer, module: tf.Module | None = None, **inputs: tf.TensorSpec) -> Any:
    module = module or tf.Module()
    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()}
    function = tf.function(answer, input_signature=[specs])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    return tf.saved_model.load(str(folder))


def no_examples() -> Any:
    raise AssertionError("float forms need no examples")


def test_variables_become_constants_and_texts_are_left_out(tmp_path: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable([[2.0], [3.0]])

    def answer(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        both = tf.stack([features["b"], tf.cast(features["a"], tf.float32)], axis=1)
        names = tf.gather(tf.constant(["low", "high"]), tf.cast(features["b"] > 0, tf.int32))
        return {"y": both @ module.weight, "label": names, "twice": 2 * features["b"]}

    spec = {"a": tf.TensorSpec([None], tf.int64), "b": tf.TensorSpec([None], tf.float32)}
    source = graph.of_signature(loaded(tmp_path / "1", answer, module, **spec), "serving_default")
    assert [(name, s.shape, s.dtype.name) for name, s in source.inputs.items()] == [
        ("a", [1], "int64"),
        ("b", [1], "float32"),
    ]
    assert list(source.outputs) == ["twice", "y"]
    file = tmp_path / "model.tflite"
    file.write_bytes(convert(source, "float32", no_examples))
    ask = Interpreter(file, "serving_default")
    found = ask({"a": np.array([1, 2], np.int64), "b": np.array([10.0, -1.0], np.float32)})
    np.testing.assert_allclose(found["y"], [[23.0], [4.0]])
    np.testing.assert_allclose(found["twice"], [20.0, -2.0])


def test_an_activation_with_a_gradient_of_its_own(tmp_path: Path) -> None:
    model = loaded(
        tmp_path / "1", lambda f: {"y": tf.nn.silu(f["x"])}, x=tf.TensorSpec([None, 2], tf.float32)
    )
    file = tmp_path / "model.tflite"
    file.write_bytes(convert(graph.of_signature(model, "serving_default"), "float32", no_examples))
    x = np.array([[-1.0, 2.0]], np.float32)
    found = Interpreter(file, "serving_default")({"x": x})["y"]
    np.testing.assert_allclose(found, x / (1 + np.exp(-x)), rtol=1e-6)


def test_ops_that_stay_in_32_bits_are_named(tmp_path: Path) -> None:
    def answer(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"y": tf.pow(tf.nn.relu(features["x"] @ tf.ones([4, 4])) + 1.0, 0.75)}

    model = loaded(tmp_path, answer, x=tf.TensorSpec([None, 4], tf.float32))
    rows = np.random.default_rng(0).uniform(size=(20, 1, 4)).astype(np.float32)
    made = convert(graph.of_signature(model, "serving_default"), "int8", lambda: ({"x": row} for row in rows))
    assert float_ops(made) == ["POW"]


def test_text(tmp_path: Path) -> None:
    model = loaded(
        tmp_path,
        lambda f: {"y": tf.cast(tf.strings.length(f["island"]), tf.float32) + f["mass"]},
        island=tf.TensorSpec([None], tf.string),
        mass=tf.TensorSpec([None], tf.float32),
    )
    with pytest.raises(Obstacle) as caught:
        graph.of_signature(model, "serving_default")
    assert str(caught.value) == (
        "signature serving_default takes text (island); forms are made of signatures that take numbers alone"
    )


def test_a_table(tmp_path: Path) -> None:
    module = tf.Module()
    keys = tf.lookup.KeyValueTensorInitializer(tf.constant([7, 8], tf.int64), tf.constant([0, 1], tf.int64))
    module.table = tf.lookup.StaticHashTable(keys, -1)
    model = loaded(
        tmp_path,
        lambda f: {"y": tf.cast(module.table.lookup(f["year"]), tf.float32)},
        module,
        year=tf.TensorSpec([None], tf.int64),
    )
    with pytest.raises(Obstacle) as caught:
        graph.of_signature(model, "serving_default")
    assert str(caught.value) == "signature serving_default looks values up in a table, which no form can hold"


def test_a_size_that_is_not_known(tmp_path: Path) -> None:
    model = loaded(
        tmp_path,
        lambda f: {"y": tf.reduce_mean(f["image"], axis=[1, 2])},
        image=tf.TensorSpec([None, None, None, 3], tf.float32),
    )
    with pytest.raises(Obstacle) as caught:
        graph.of_signature(model, "serving_default")
    assert str(caught.value) == (
        "input image of signature serving_default has no fixed size: (None, None, None, 3)"
    )


def test_no_such_signature(tmp_path: Path) -> None:
    model = loaded(tmp_path, lambda f: {"y": f["x"]}, x=tf.TensorSpec([None], tf.float32))
    with pytest.raises(Obstacle) as caught:
        graph.of_signature(model, "serving_images")
    assert str(caught.value) == "the model has no signature serving_images; it has serving_default"


def test_ops_that_tensorflow_lite_does_not_have(tmp_path: Path) -> None:
    def answer(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        double = tf.cast(features["x"], tf.float64)
        return {"y": tf.cast(double * 0.1, tf.float32)}

    model = loaded(tmp_path, answer, x=tf.TensorSpec([None], tf.float32))
    source = graph.of_signature(model, "serving_default")
    with pytest.raises(Obstacle) as caught:
        convert(source, "float32", no_examples)
    assert str(caught.value) == (
        "TensorFlow Lite cannot run Mul as the graph uses them, some on 64-bit floats"
    )
