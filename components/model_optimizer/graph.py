"""From a signature of a SavedModel to a graph of numbers alone: variables as constants, one example at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework import convert_to_constants

from components.model_optimizer.obstacle import Obstacle

Specs = Mapping[str, tf.TensorSpec]


@dataclass(frozen=True)
class Graph:
    """What the converter takes: a function without state, its inputs [1, ...] and its outputs."""

    function: Any
    inputs: Specs
    outputs: Specs


def of_signature(loaded: Any, name: str) -> Graph:
    """The graph of a signature of a loaded SavedModel; outputs that are texts are left out.

    The batch dimension becomes 1: phones ask about one example at a time, and accelerators want sizes that are known.

    Raises:
      Obstacle: there is no such signature, it takes text, a size is not known, or it looks values up in a table.
    """
    signature = _signature(loaded, name)
    inputs = {key: _single(name, key, spec) for key, spec in input_specs(signature).items()}
    outputs = sorted(key for key, out in signature.structured_outputs.items() if out.dtype != tf.string)
    if not outputs:
        raise Obstacle(f"signature {name} has no output with numbers")

    def answer(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        answers = signature(**features)
        return {key: answers[key] for key in outputs}

    whole = tf.function(answer, input_signature=[dict(inputs)]).get_concrete_function()
    frozen = convert_to_constants.convert_variables_to_constants_v2(whole, aggressive_inlining=True)
    graph = _needed(frozen.graph.as_graph_def(), [tensor.name for tensor in frozen.outputs])
    # Of a model with preprocessing the graph also held the tables of what these outputs do not need.
    fed = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
    unfed = {node.name for node in graph.node if node.op == "Placeholder"} - {
        tensor.op.name for tensor in fed
    }
    if unfed:
        raise Obstacle(f"signature {name} looks values up in a table, which no form can hold")

    def pure(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        feeds = {tensor.name: features[key] for key, tensor in zip(inputs, fed, strict=True)}
        fetches = [tensor.name for tensor in frozen.outputs]
        found = tf.graph_util.import_graph_def(graph, input_map=feeds, return_elements=fetches, name="")
        return dict(zip(outputs, found, strict=True))

    function = tf.function(pure, input_signature=[dict(inputs)]).get_concrete_function()
    return Graph(function, inputs, function.structured_outputs)


def input_specs(signature: Any) -> Specs:
    """The inputs of a concrete function by name."""
    return dict(sorted(signature.structured_input_signature[1].items()))


def _signature(loaded: Any, name: str) -> Any:
    if name not in loaded.signatures:
        raise Obstacle(f"the model has no signature {name}; it has {', '.join(sorted(loaded.signatures))}")
    signature = loaded.signatures[name]
    texts = [key for key, spec in input_specs(signature).items() if spec.dtype == tf.string]
    if texts:
        raise Obstacle(
            f"signature {name} takes text ({', '.join(texts)}); forms are made of signatures that take numbers alone"
        )
    return signature


def _single(signature: str, name: str, spec: tf.TensorSpec) -> tf.TensorSpec:
    if spec.shape.rank is None or spec.shape.rank == 0 or None in spec.shape[1:].as_list():
        raise Obstacle(f"input {name} of signature {signature} has no fixed size: {spec.shape}")
    return tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name=name)


def _needed(graph: GraphDef, outputs: Sequence[str]) -> GraphDef:
    """The nodes that the outputs' values come from: order of execution means nothing to a graph without state."""
    for node in graph.node:
        data = [source for source in node.input if not source.startswith("^")]
        del node.input[:]
        node.input.extend(data)
        # Names a gradient that this process does not have; the converter would give up the signature over it.
        node.attr.pop("_gradient_op_type", None)
        if node.op == "PlaceholderWithDefault":
            _become_identity(node)
    return tf.compat.v1.graph_util.extract_sub_graph(graph, [name.partition(":")[0] for name in outputs])


def _become_identity(node: NodeDef) -> None:
    """Nothing feeds it, and TensorFlow Lite does not know it."""
    dtype = node.attr["dtype"].type
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype
