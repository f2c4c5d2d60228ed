"""One form of a graph as a TensorFlow Lite file.

float32: as trained. float16: weights in 16 bits. dynamic: weights in 8 bits, activations in 32. int8: weights, for
each channel, and activations in 8 bits, with floats at both ends: every form is called alike.
Source: https://developers.google.com/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert_phase import ConverterError
from tensorflow.lite.tools import flatbuffer_utils

from components.model_optimizer.constants import Form
from components.model_optimizer.graph import Graph
from components.model_optimizer.obstacle import Obstacle

Representative = Callable[[], Iterator[Mapping[str, np.ndarray]]]
"""Gives single examples, [1, ...] by input; a float input gets its range from them."""


def convert(graph: Graph, form: Form, representative: Representative) -> bytes:
    """The file of a form; the same inputs give the same bytes.

    Raises:
      Obstacle: TensorFlow Lite has no such op, or none for 8 bits.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.function], tf.Module())
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = representative
    try:
        return converter.convert()
    # The converter's own errors; what its calibration raises are errors of the runtime.
    except (ConverterError, RuntimeError, ValueError) as error:
        raise Obstacle(_reason(str(error))) from error


def float_ops(model: bytes) -> list[str]:
    """The ops of a file that compute in floats, other than those that turn whole numbers into floats."""
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    found = {
        flatbuffer_utils.opcode_to_name(parsed, op.opcodeIndex)
        for subgraph in parsed.subgraphs
        for op in subgraph.operators
        if any(subgraph.tensors[index].type == schema.TensorType.FLOAT32 for index in op.outputs)
    }
    return sorted(name for name in found - {"DEQUANTIZE"} if name)


def _reason(text: str) -> str:
    # TensorFlow's own ops could go into the file, but its interpreter in Python runs them no more: nothing would tell
    # what such a form loses.
    unknown = re.search(r"(?:TF Select|Custom) ops: (.+)", text)
    if unknown:
        doubles = ", some on 64-bit floats" if "xf64" in text else ""
        return f"TensorFlow Lite cannot run {unknown[1].strip()} as the graph uses them{doubles}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"the converter failed: {(lines[0] if lines else 'it gives no reason')[:200]}"
