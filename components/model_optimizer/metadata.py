"""TensorFlow Lite metadata: a description in the file itself, and its labels in a zip behind it.

MediaPipe's tasks, Android Studio and Netron read them. The package that writes them (tflite-support) ended with
Python 3.11, and MediaPipe brings OpenCV along, so that the few tables are written here.
Source: https://developers.google.com/edge/litert/conversion/tensorflow/metadata, whose metadata_schema.fbs gives the slots.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from components.model_optimizer.constants import LABELS
from components.model_optimizer.description import Description, is_image

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER_VERSION = "1.0.0"

# Values of the schema's enumerations and unions.
TENSOR_AXIS_LABELS = 2
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2
NORMALIZATION_OPTIONS = 1
COLOR_SPACES = {"RGB": 1, "GRAYSCALE": 2}

Slot = tuple[int, str, Any]
"""Number of a field, its kind in the names of flatbuffers' functions, and its value."""


def add(model: bytes, description: Description) -> bytes:
    """A TensorFlow Lite file with its description; labels.txt follows where an output has labels."""
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(model_metadata(description), np.uint8)
    entry.name, entry.buffer = NAME, len(parsed.buffers)
    parsed.buffers.append(buffer)
    parsed.metadata = [*(parsed.metadata or []), entry]
    written = bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))
    if not any("labels" in output for output in description["outputs"]):
        return written
    return _with_file(written, LABELS, labels_text(description["classes"]))


def in_order(model: bytes, description: Description) -> Description:
    """A description with its inputs and outputs in the order of the file, in which its metadata has to list them."""
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    (signature,), (subgraph, *_) = parsed.signatureDefs, parsed.subgraphs
    return {
        **description,
        "inputs": _in_order(description["inputs"], signature.inputs, list(subgraph.inputs)),
        "outputs": _in_order(description["outputs"], signature.outputs, list(subgraph.outputs)),
    }


def _in_order(tensors: Sequence[Any], named: Sequence[Any], order: Sequence[int]) -> list[Any]:
    place = {entry.name.decode(): order.index(entry.tensorIndex) for entry in named}
    return sorted(tensors, key=lambda tensor: place[tensor["name"]])


def labels_text(class_names: Sequence[str]) -> str:
    """The content of labels.txt: a class a line, in the order of the scores."""
    return "".join(f"{name}\n" for name in class_names)


def model_metadata(description: Description) -> bytes:
    """The description as a flatbuffer `ModelMetadata`."""
    builder = flatbuffers.Builder(1024)
    inputs = [_input(builder, tensor) for tensor in description["inputs"]]
    outputs = [_output(builder, tensor) for tensor in description["outputs"]]
    subgraph = _table(
        builder,
        _text(builder, 0, description["signature"]),
        _vector(builder, 2, inputs),
        _vector(builder, 3, outputs),
    )
    root = _table(
        builder,
        _text(builder, 0, description["name"]),
        _text(builder, 1, f"{description['task']}, {description['form']}"),
        _vector(builder, 3, [subgraph]),
        _text(builder, 7, PARSER_VERSION),
    )
    builder.Finish(root, file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _input(builder: Any, tensor: Mapping[str, Any]) -> int:
    if not is_image(tensor):
        return _tensor(builder, tensor, _content(builder, FEATURE_PROPERTIES, _table(builder)))
    properties = _table(builder, (0, "Int8", COLOR_SPACES[tensor["color_space"]]))
    # The graph scales pixels by itself.
    as_it_is = _table(builder, _floats(builder, 0, [0.0]), _floats(builder, 1, [1.0]))
    unit = _table(builder, (0, "Uint8", NORMALIZATION_OPTIONS), (1, "UOffsetTRelative", as_it_is))
    low, high = (_floats(builder, slot, [value]) for slot, value in zip((1, 0), tensor["range"], strict=True))
    more = [_vector(builder, 4, [unit]), (5, "UOffsetTRelative", _table(builder, high, low))]
    return _tensor(builder, tensor, _content(builder, IMAGE_PROPERTIES, properties), *more)


def _output(builder: Any, tensor: Mapping[str, Any]) -> int:
    more = []
    if "labels" in tensor:
        file = _table(builder, _text(builder, 0, tensor["labels"]), (2, "Int8", TENSOR_AXIS_LABELS))
        more = [_vector(builder, 6, [file])]
    return _tensor(builder, tensor, _content(builder, FEATURE_PROPERTIES, _table(builder)), *more)


def _tensor(builder: Any, tensor: Mapping[str, Any], content: int, *more: Slot) -> int:
    return _table(builder, _text(builder, 0, tensor["name"]), (3, "UOffsetTRelative", content), *more)


def _content(builder: Any, kind: int, properties: int) -> int:
    return _table(builder, (0, "Uint8", kind), (1, "UOffsetTRelative", properties))


def _table(builder: Any, *slots: Slot) -> int:
    builder.StartObject(1 + max((number for number, _, _ in slots), default=-1))
    for number, kind, value in slots:
        prepend: Callable[[int, Any, int], None] = getattr(builder, f"Prepend{kind}Slot")
        prepend(number, value, 0)
    return int(builder.EndObject())


def _text(builder: Any, number: int, text: str) -> Slot:
    return number, "UOffsetTRelative", builder.CreateString(text)


def _floats(builder: Any, number: int, values: Sequence[float]) -> Slot:
    return number, "UOffsetTRelative", builder.CreateNumpyVector(np.array(values, np.float32))


def _vector(builder: Any, number: int, offsets: Sequence[int]) -> Slot:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return number, "UOffsetTRelative", builder.EndVector()


def _with_file(model: bytes, name: str, text: str) -> bytes:
    """A model with a zip behind it; its time is fixed, so that the same labels give the same bytes."""
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text.encode())
    return file.getvalue()
