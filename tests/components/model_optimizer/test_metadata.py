"""The description inside the file, read back slot by slot as metadata_schema.fbs numbers them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import number_types, table

from components.model_optimizer import graph, metadata
from components.model_optimizer.convert import convert
from components.model_optimizer.description import describe

DESCRIPTION = describe(
    "flowers",
    "int8",
    "serving_default",
    "multiclass",
    {"image": tf.TensorSpec([1, 4, 4, 3], tf.float32), "size": tf.TensorSpec([1], tf.float32)},
    {"probabilities": tf.TensorSpec([1, 2], tf.float32), "norm": tf.TensorSpec([1], tf.float32)},
    ["rose", "tulip"],
)


class Read:
    """A table of a flatbuffer by slot."""

    def __init__(self, at: table.Table) -> None:
        self.at = at

    def _place(self, slot: int) -> int:
        offset = self.at.Offset(4 + 2 * slot)
        assert offset, slot
        return self.at.Pos + offset

    def text(self, slot: int) -> str:
        return self.at.String(self._place(slot)).decode()

    def byte(self, slot: int) -> int:
        return self.at.Get(number_types.Int8Flags, self._place(slot))

    def table(self, slot: int) -> Read:
        return Read(table.Table(self.at.Bytes, self.at.Indirect(self._place(slot))))

    def tables(self, slot: int) -> list[Read]:
        place = self._place(slot) - self.at.Pos
        start, count = self.at.Vector(place), self.at.VectorLen(place)
        return [Read(table.Table(self.at.Bytes, self.at.Indirect(start + 4 * i))) for i in range(count)]

    def floats(self, slot: int) -> list[float]:
        place = self._place(slot) - self.at.Pos
        start, count = self.at.Vector(place), self.at.VectorLen(place)
        return [self.at.Get(number_types.Float32Flags, start + 4 * i) for i in range(count)]


def root(buffer: bytes) -> Read:
    start = flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0)
    return Read(table.Table(bytearray(buffer), start))


def names(tensors: list[Read]) -> list[Any]:
    return [tensor.text(0) for tensor in tensors]


def test_what_the_file_says_of_itself() -> None:
    buffer = metadata.model_metadata(DESCRIPTION)
    assert buffer[4:8] == b"M001"
    model = root(buffer)
    assert (model.text(0), model.text(1), model.text(7)) == ("flowers", "multiclass, int8", "1.0.0")
    (subgraph,) = model.tables(3)
    assert subgraph.text(0) == "serving_default"
    inputs, outputs = subgraph.tables(2), subgraph.tables(3)
    assert names(inputs) == ["image", "size"]
    assert names(outputs) == ["probabilities", "norm"]


def test_tensors_are_listed_as_the_file_has_them(tmp_path: Path) -> None:
    spec = {name: tf.TensorSpec([None], tf.float32, name=name) for name in ("a", "b", "c")}

    @tf.function(input_signature=[spec])
    def serve(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"p": features["c"] * 2.0, "o": features["b"] + features["a"], "z": -features["a"]}

    tf.saved_model.save(tf.Module(), str(tmp_path), signatures={"serving_default": serve})
    source = graph.of_signature(tf.saved_model.load(str(tmp_path)), "serving_default")
    model = convert(source, "float32", lambda: iter(()))
    described = describe("m", "float32", "serving_default", "regression", source.inputs, source.outputs, [])
    found = metadata.in_order(model, described)
    interpreter = Interpreter(model_content=model)
    runner = interpreter.get_signature_runner("serving_default")
    for kind in ("input", "output"):
        tensors = getattr(interpreter, f"get_{kind}_details")()
        by_name = getattr(runner, f"get_{kind}_details")()
        assert [by_name[entry["name"]]["index"] for entry in found[f"{kind}s"]] == [
            t["index"] for t in tensors
        ]
        assert {entry["name"] for entry in found[f"{kind}s"]} == set(by_name)


def test_pixels_go_in_as_they_are() -> None:
    (subgraph,) = root(metadata.model_metadata(DESCRIPTION)).tables(3)
    image, size = subgraph.tables(2)
    content = image.table(3)
    assert (content.byte(0), content.table(1).byte(0)) == (2, 1)  # ImageProperties, RGB
    (unit,) = image.tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([0.0], [1.0])
    assert (image.table(5).floats(0), image.table(5).floats(1)) == ([255.0], [0.0])
    assert size.table(3).byte(0) == 1  # FeatureProperties


def test_labels_belong_to_the_scores() -> None:
    (subgraph,) = root(metadata.model_metadata(DESCRIPTION)).tables(3)
    scores, norm = subgraph.tables(3)
    (file,) = scores.tables(6)
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    assert norm.at.Offset(4 + 2 * 6) == 0


def test_a_model_without_classes_has_no_labels() -> None:
    spec = tf.TensorSpec([1, 1], tf.float32)
    described = describe("house", "float32", "serving_default", "regression", {"x": spec}, {"y": spec}, [])
    assert described["outputs"] == [{"name": "y", "dtype": "float32", "shape": [1, 1]}]
    assert described["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1, 1]}]
