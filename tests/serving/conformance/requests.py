"""Requests as a client of TF Serving writes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec


def spec(name: str, signature: str = "", *, version: int | None = None, label: str = "") -> ModelSpec:
    result = ModelSpec(name=name, signature_name=signature)
    if version is not None:
        result.version.value = version
    if label:
        result.version_label = label
    return result


def predict_request(
    model: ModelSpec | str, inputs: Mapping[str, object], *, outputs: tuple[str, ...] = ()
) -> predict_pb2.PredictRequest:
    """Inputs become tensors by tf.make_tensor_proto; Python floats become float32."""
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.CopyFrom(spec(model) if isinstance(model, str) else model)
    for name, value in inputs.items():
        array = np.asarray(value)
        if array.dtype == np.float64 and not isinstance(value, np.ndarray):
            array = array.astype(np.float32)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return request


def example(**features: float | bytes | int) -> tf.train.Example:
    """A tf.Example of one value per feature."""
    result = tf.train.Example()
    for name, value in features.items():
        feature = result.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    return result


def example_input(*examples: tf.train.Example, context: tf.train.Example | None = None) -> Input:
    """The `input` of classify, regress and multi-inference."""
    result = Input()
    if context is None:
        result.example_list.examples.extend(examples)
    else:
        result.example_list_with_context.examples.extend(examples)
        result.example_list_with_context.context.CopyFrom(context)
    return result
