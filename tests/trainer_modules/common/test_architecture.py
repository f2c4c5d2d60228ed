from __future__ import annotations

import json
from pathlib import Path

import keras
import tensorflow as tf

from trainer_modules.common import architecture


def branches() -> keras.Model:
    numbers = keras.Input([3], name="numbers")
    words = keras.Input([5], dtype="int32", name="words")
    vectors = keras.layers.Embedding(10, 4, name="vectors")(words)
    shared = keras.layers.Dense(2, activation="relu", name="shared")
    left = shared(numbers)
    right = shared(keras.layers.Dense(3, use_bias=False, trainable=False, name="frozen")(numbers))
    text = keras.layers.GlobalAveragePooling1D(name="mean")(vectors)
    both = keras.layers.Concatenate(name="both")([left, right, text])
    return keras.Model([numbers, words], keras.ops.exp(both), name="net")


def test_a_graph_with_branches(tmp_path: Path) -> None:
    architecture.write(branches(), tmp_path)
    found = json.loads((tmp_path / "model.json").read_text())
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert (found["name"], found["connected"]) == ("net", True)
    assert (found["parameters"], found["trainable_parameters"]) == (9 + 8 + 40, 8 + 40)
    assert layers["numbers"]["inputs"] == []
    assert layers["shared"]["inputs"] == ["numbers", "frozen"]
    assert layers["both"]["inputs"] == ["shared", "mean"]
    assert layers["both"]["shape"] == [8]
    assert layers["vectors"]["shape"] == [5, 4]
    assert layers["shared"]["settings"] == {"units": 2, "activation": "relu"}
    assert (layers["frozen"]["parameters"], layers["frozen"]["trainable"]) == (9, False)
    assert layers["both"]["trainable"]
    assert found["layers"][-1]["kind"] == "Exp"
    assert found["layers"][-1]["inputs"] == ["both"]


def test_layers_follow_each_other_and_hold_others() -> None:
    inner = keras.Sequential(
        [keras.layers.Dense(2, name="in"), keras.layers.Dropout(0.5, name="out")], name="inner"
    )
    outer = keras.Sequential([keras.Input([4]), inner, keras.layers.Dense(1, name="last")], name="outer")
    found = architecture.describe(outer)
    assert [(layer["name"], layer["inputs"]) for layer in found["layers"]] == [
        ("inner", []),
        ("last", ["inner"]),
    ]
    assert [layer["name"] for layer in found["layers"][0]["layers"]] == ["in", "out"]
    # A layer without weights is not frozen, though it keeps a state of its own.
    assert all(layer["trainable"] for layer in found["layers"][0]["layers"])
    assert found["parameters"] == 10 + 3


class Scorer(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="scorer")
        self.one, self.two = keras.layers.Dense(2, name="one"), keras.layers.Dense(1, name="two")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.two(self.one(x))


def test_a_model_that_is_code_has_layers_without_connections() -> None:
    model = Scorer()
    model(tf.zeros([1, 3]))
    found = architecture.describe(model)
    assert not found["connected"]
    assert [(layer["name"], layer["parameters"]) for layer in found["layers"]] == [("one", 8), ("two", 3)]
    assert all(layer["inputs"] == [] and layer["shape"] is None for layer in found["layers"])
