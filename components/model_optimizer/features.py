"""From examples as they are stored to the tensors that a signature takes; images are decoded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import tensorflow as tf

from common.raw_features import MISSING_INT, tensor_names
from components.model_optimizer.graph import Specs
from components.model_optimizer.obstacle import Obstacle
from components.pixels import Decode

CHUNK_BYTES = 8 * 2**20
CHUNK_ROWS = 256

Inputs = Mapping[str, np.ndarray]
"""Tensors [rows, ...] by input."""


@dataclass(frozen=True)
class Reader:
    """Reads examples as the inputs of a signature.

    `columns` are features that an example may have beside those of its batch; `decode` makes pixels of images.
    """

    inputs: Specs
    columns: Collection[str]
    decode: Decode

    def chunks(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Parts of a batch whose tensors take CHUNK_BYTES at most: an encoded image grows when it is decoded."""
        row = sum(int(np.prod(spec.shape)) * spec.dtype.size for spec in self.inputs.values())
        step = max(1, min(CHUNK_ROWS, CHUNK_BYTES // row))
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step)

    def tensors(self, batch: pa.RecordBatch) -> Inputs:
        """The rows of a batch, each input from the feature that it is named after.

        Missing values are NaN for floats and `common.raw_features.MISSING_INT` for integers.

        Raises:
          Obstacle: no feature is named like an input, or it holds something else.
        """
        known = {*self.columns, *batch.schema.names}
        features = {tensor: feature for feature, tensor in tensor_names(known).items()}
        found = {}
        for name, spec in self.inputs.items():
            feature = name if name in known else features.get(name)
            if feature is None:
                raise Obstacle(f"the examples have no feature for input {name}")
            absent = feature not in batch.schema.names
            values = pa.nulls(batch.num_rows) if absent else batch.column(feature)
            found[name] = self._tensor(feature, values, spec)
        return found

    def _tensor(self, feature: str, column: pa.Array, spec: tf.TensorSpec) -> np.ndarray:
        kind = None if pa.types.is_null(column.type) else column.type.value_type
        if kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            if spec.shape.rank != 4:
                raise Obstacle(f"feature {feature} holds text or bytes, its input takes {spec.dtype.name}")
            encoded = [values[0] for values in column.to_pylist() if values]
            if len(encoded) < len(column):
                raise Obstacle(f"an example has no {feature}")
            pixels = self.decode(encoded, spec.shape[1:].as_list())
            return pixels.astype(spec.dtype.as_numpy_dtype)
        if kind is not None and pa.types.is_floating(kind) and not spec.dtype.is_floating:
            raise Obstacle(f"feature {feature} holds float, its input takes {spec.dtype.name}")
        return _numbers(feature, column, spec)


def _numbers(feature: str, column: pa.Array, spec: tf.TensorSpec) -> np.ndarray:
    shape = spec.shape[1:].as_list()
    size = int(np.prod(shape))
    found = np.full([len(column), size], _missing(feature, spec.dtype), spec.dtype.as_numpy_dtype)
    if not pa.types.is_null(column.type):
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        wrong = lengths[(lengths != size) & (lengths != 0)]
        if len(wrong):
            raise Obstacle(f"feature {feature} has {wrong[0]} values, its input takes {size}")
        found[lengths == size] = column.flatten().to_numpy(zero_copy_only=False).reshape([-1, size])
    return found.reshape([len(column), *shape])


def _missing(feature: str, dtype: tf.DType) -> float | int:
    if dtype.is_floating:
        return float("nan")
    if dtype.is_integer and dtype.min <= MISSING_INT:
        return MISSING_INT
    raise Obstacle(f"input {feature} takes {dtype.name}, which no example holds")
