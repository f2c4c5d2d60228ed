"""What of a tabular model can be differentiated: numbers, and the tokens of categories as vectors of 0 and 1."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer_modules.common.explained import Explained, Tensors
from trainer_modules.tabular_model import Problem

_MISSING, _TRANSFORMED = "_xf_missing", "_xf"


def explained_table(model: keras.Model, learnt: Problem) -> Explained:
    """Values are float32 [B, n] for each raw feature: its z-score and whether it is missing, or one of its tokens."""
    layout = learnt.layout
    sizes = [(name, len(tokens)) for name, tokens in layout.categorical]
    behind = _behind_the_encoding(model)

    def inputs(features: Tensors) -> dict[str, Any]:
        values: dict[str, list[tf.Tensor]] = {}
        for name in layout.numeric:
            values.setdefault(_raw(name), []).append(features[name])
        found = {raw: tf.stack(columns, axis=1) for raw, columns in values.items()}
        for name, size in sizes:
            found[_raw(name)] = tf.one_hot(features[name], size)
        return {"values": found, "given": {}}

    def answers(values: Tensors, given: Tensors) -> Tensors:
        fed: list[tf.Tensor] = []
        if layout.numeric:
            places: dict[str, int] = {}
            columns = []
            for name in layout.numeric:
                raw = _raw(name)
                columns.append(values[raw][:, places.get(raw, 0)])
                places[raw] = places.get(raw, 0) + 1
            fed.append(tf.stack(columns, axis=1))
        if sizes:
            fed.append(tf.concat([values[_raw(name)] for name, _ in sizes], axis=1))
        return learnt.outputs(behind(fed, training=False))

    spec = {
        **{name: tf.TensorSpec([None], tf.float32, name=name) for name in layout.numeric},
        **{name: tf.TensorSpec([None], tf.int64, name=name) for name, _ in sizes},
    }
    return Explained(spec, inputs, answers)


def _raw(name: str) -> str:
    return name.removesuffix(_MISSING) if name.endswith(_MISSING) else name.removesuffix(_TRANSFORMED)


def _behind_the_encoding(model: keras.Model) -> keras.Model:
    """The model from numbers and encoded categories, those that it has: gradients end at the indices of categories."""
    inputs = [one for one in model.inputs if one.name == "numeric"]
    inputs += [one.output for one in model.layers if isinstance(one, keras.layers.CategoryEncoding)]
    return keras.Model(inputs, model.output)
