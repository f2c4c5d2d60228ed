"""A real example of a pipeline, as a row of a request: what a first question to its model may look like."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2

from pipeline.home import Home
from pipeline.model_inputs import Row, columns_of, is_scalar, shaped
from serving.client_types import Tensor

MOST_EXAMPLES = 200


def find(home: Home, pipeline: str, inputs: Mapping[str, Tensor]) -> Row | None:
    """The first example with a value for every input, of those that ExampleGen wrote last; None when there is none."""
    if not inputs or not all(is_scalar(tensor) for tensor in inputs.values()):
        return None
    written = (home.pipeline_root(pipeline) / "ExampleGen" / "examples").glob("*/Split-eval/*.gz")
    for path in sorted(written, key=lambda path: path.stat().st_mtime, reverse=True)[:1]:
        for record in _records(path):
            values = _values(example_pb2.Example.FromString(record))
            columns = columns_of(inputs, values)
            if len(columns) == len(inputs):
                return {name: shaped(values[columns[name]], inputs[name]) for name in sorted(inputs)}
    return None


def _records(path: Path) -> Iterator[bytes]:
    """The first records of a packed TFRecord file: length, its checksum, the record, its checksum."""
    with gzip.open(path) as file:
        for _ in range(MOST_EXAMPLES):
            head = file.read(12)
            if len(head) < 12:
                return
            (length,) = struct.unpack("<Q", head[:8])
            yield file.read(length)
            file.read(4)


def _values(example: Any) -> dict[str, Any]:
    """The features that have one value; floats as short as float32 allows."""
    found: dict[str, Any] = {}
    for name, feature in example.features.feature.items():
        values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
        if len(values) == 1:
            (value,) = values
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            found[name] = float(str(np.float32(value))) if isinstance(value, float) else value
    return found
