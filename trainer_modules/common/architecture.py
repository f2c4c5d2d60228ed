"""What a network is made of, as a small file that is read without Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

MODEL_FILE = "model.json"

# What tells layers of one kind apart, as far as a layer has it.
_SETTINGS = (
    "units",
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "pool_size",
    "input_dim",
    "output_dim",
    "num_heads",
    "key_dim",
    "rate",
    "activation",
    "num_tokens",
    "output_mode",
)
_NONE = (None, "linear")


def describe(model: keras.Model) -> dict[str, Any]:
    """The layers of a built model, JSON-able.

    Returns:
      {"name", "parameters", "trainable_parameters", "connected", "layers": [{"name", "kind", "settings": {name: value},
      "shape": output shape without the batch (a list, a list of them, or null), "parameters", "trainable": bool,
      "inputs": names of the layers that feed it, "layers": of a layer that holds others}]}; `connected` is false for a
      model whose code, not a graph, says what feeds what: its layers have no `inputs` and no `shape`.
    """
    connected = isinstance(model, (keras.models.Sequential, keras.src.models.Functional))
    return {
        "name": model.name,
        "parameters": int(model.count_params()),
        "trainable_parameters": int(sum(_size(variable) for variable in model.trainable_variables)),
        "connected": connected,
        "layers": _layers(model),
    }


def write(model: keras.Model, folder: Path) -> None:
    """Write `model.json` into a folder."""
    (folder / MODEL_FILE).write_text(json.dumps(describe(model), indent=1), encoding="utf-8")


def _layers(model: Any) -> list[dict[str, Any]]:
    if isinstance(model, keras.models.Sequential):
        names = [layer.name for layer in model.layers]
        feeding = [[], *([name] for name in names)]
        return [_layer(layer, inputs) for layer, inputs in zip(model.layers, feeding, strict=False)]
    if isinstance(model, keras.src.models.Functional):
        nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
        return [
            _layer(operation, _names(nodes, operation), getattr(operation, "output", None))
            for operation in model.operations
        ]
    return [_layer(layer, []) for layer in model._flatten_layers(include_self=False, recursive=False)]


def _layer(layer: Any, inputs: list[str], output: Any = None) -> dict[str, Any]:
    weights = getattr(layer, "weights", [])
    found = {
        "name": layer.name,
        "kind": type(layer).__name__,
        "settings": _settings(layer),
        "shape": _shape(output),
        "parameters": int(sum(_size(variable) for variable in weights)),
        "trainable": bool(getattr(layer, "trainable_variables", [])) or not weights,
        "inputs": inputs,
    }
    nested = _layers(layer) if isinstance(layer, keras.layers.Layer) else []
    return {**found, "layers": nested} if nested else found


def _names(nodes: list[Any], operation: Any) -> list[str]:
    """The layers that feed one, in any of its uses in the model."""
    feeding = (parent for node in nodes if node.operation is operation for parent in node.parent_nodes)
    return list(dict.fromkeys(parent.operation.name for parent in feeding))


def _settings(layer: Any) -> dict[str, Any]:
    """The settings as they are attributes of the layer: its `get_config` may be missing, or large."""
    found = {name: getattr(layer, name, None) for name in _SETTINGS}
    named = {name: getattr(value, "__name__", value) for name, value in found.items()}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in named.items()}
    return {
        name: value
        for name, value in plain.items()
        if value not in _NONE and isinstance(value, (str, int, float, list))
    }


def _shape(output: Any) -> list[Any] | None:
    if output is None:
        return None
    shapes = [list(tensor.shape)[1:] for tensor in keras.tree.flatten(output)]
    return shapes[0] if len(shapes) == 1 else shapes


def _size(variable: Any) -> int:
    size = 1
    for side in variable.shape:
        size *= side
    return size
