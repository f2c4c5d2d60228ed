"""Raw features: one value per example, and what counts as a missing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from common.errors import BadInput
from common.raw_features import MISSING_INT, tensor_names

__all__ = ["MISSING_INT", "as_raw", "dense", "is_missing", "missing_value", "tensor_names", "tolerant_spec"]


def missing_value(dtype: tf.DType) -> Any:
    """Return the value that stands for a missing one: "" for text, NaN for floats, -2**31 for integers."""
    if dtype == tf.string:
        return ""
    return float("nan") if dtype.is_floating else MISSING_INT


def dense(tensor: tf.Tensor | tf.SparseTensor, name: str) -> tf.Tensor:
    """Return one value per example, shape [B]; absent values of a sparse feature become the missing value.

    Raises BadInput when a dense feature has more than one value per example.
    """
    if isinstance(tensor, tf.SparseTensor):
        rows = tf.cast(tensor.dense_shape[0], tf.int64)
        first = tf.sparse.slice(tensor, [0, 0], tf.stack([rows, 1]))
        one_wide = tf.SparseTensor(first.indices, first.values, tf.stack([rows, 1]))
        return tf.reshape(tf.sparse.to_dense(one_wide, default_value=missing_value(tensor.dtype)), [-1])
    if tensor.shape[1:].num_elements() != 1:
        raise BadInput(
            f"feature {name!r} has shape {list(tensor.shape[1:])}: one value per example is expected"
        )
    return tf.reshape(tensor, [-1])


def is_missing(values: tf.Tensor) -> tf.Tensor:
    """Return where values are missing, bool; infinities count as missing too."""
    if values.dtype.is_floating:
        return tf.logical_not(tf.math.is_finite(values))
    return tf.equal(values, missing_value(values.dtype))


def tolerant_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parsing spec in which an example may lack any feature."""

    def tolerant(feature: Any) -> Any:
        if isinstance(feature, tf.io.FixedLenFeature):
            count = tf.TensorShape(feature.shape).num_elements()
            return tf.io.FixedLenFeature(feature.shape, feature.dtype, [missing_value(feature.dtype)] * count)
        return feature

    return {name: tolerant(feature) for name, feature in spec.items()}


def as_raw(values: tf.Tensor, feature: Any) -> tf.Tensor | tf.SparseTensor:
    """Turn a dense [B] tensor of a request into the form in which the transform graph takes that feature."""
    if isinstance(feature, tf.io.FixedLenFeature):
        return tf.reshape(values, [-1, *feature.shape])
    rows = tf.size(values, out_type=tf.int64)
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, 1]))
