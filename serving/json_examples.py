"""A classify or regress request in JSON -> tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis.input_pb2 import Input

from serving.errors import invalid_argument
from serving.json_arrays import as_bytes, decode_base64, is_base64
from serving.json_faults import is_lossless, lossy
from serving.json_text import type_name, value_text

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def fill_input(document: Mapping[str, Any], target: Input) -> None:
    """Writes `examples`, and the `context` that they share, as tf.Examples.

    A feature is a value or a list of values of one kind: strings and `{"b64": ...}` are bytes, whole
    numbers and booleans int64, numbers with a fraction float. Raises INVALID_ARGUMENT with TF Serving's messages.
    """
    listed: Any = target.example_list
    if "context" in document:
        listed = target.example_list_with_context
        listed.context.SetInParent()
        _fill_example(document["context"], listed.context)
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {value_text(document)} When method is classify, key 'examples' is expected "
            "and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid_argument(
            f"JSON Value: {value_text(document)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise invalid_argument(f"JSON Value: {value_text(document)} 'examples' value is an empty array")
    for example in examples:
        _fill_example(example, listed.examples.add())


def _fill_example(features: Any, example: Example) -> None:
    if not isinstance(features, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {type_name(features)}")
    for name, content in features.items():
        feature = example.features.feature[_name(name)]
        for value in content if isinstance(content, list) else [content]:
            _add(value, name, feature)


def _add(value: Any, name: str, feature: Feature) -> None:
    if isinstance(value, str):
        _claim(feature, "bytes_list", name)
        feature.bytes_list.value.append(as_bytes(value))
    elif isinstance(value, float):
        _claim(feature, "float_list", name)
        if not is_lossless(value, types_pb2.DT_FLOAT):
            raise lossy(value, "float")
        feature.float_list.value.append(value)
    elif isinstance(value, int):
        _claim(feature, "int64_list", name)
        if value >= 2**63:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        feature.int64_list.value.append(int(value))
    elif is_base64(value):
        _claim(feature, "bytes_list", name)
        decoded = decode_base64(value["b64"])
        if decoded is None:
            raise invalid_argument("Unable to base64 decode")
        feature.bytes_list.value.append(decoded)
    else:
        raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


def _claim(feature: Feature, kind: str, name: str) -> None:
    """Raises unless the feature is empty or of the kind."""
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: {_KINDS[present]}"
        )


def _name(name: str) -> str:
    """Names of features are UTF-8 on the wire."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise invalid_argument(f"Feature: {value_text(name)} is not named in UTF-8") from None
    return name
