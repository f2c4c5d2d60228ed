"""What of a text classifier can be differentiated: the vectors of its tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer_modules.common.explained import Explained, Tensors


def explained_texts(
    model: keras.Model,
    column: str,
    names: Sequence[str],
    to_ids: Callable[[Tensors], tf.Tensor],
    outputs: Callable[[tf.Tensor], Tensors],
) -> Explained:
    """Values are vectors float32 [B, T, E]; given are their `tokens`, whose `names` are told too.

    to_ids: from transformed features to ids int32 [B, T], 0 behind the end.
    """
    embedding = model.get_layer("embedding")
    tokens = model.inputs[0]
    behind = keras.Model([tokens, embedding.output], model.output)
    words = tf.constant(["", *names[1:]])

    def inputs(features: Tensors) -> dict[str, Any]:
        ids = to_ids(features)
        return {
            "values": {column: embedding(ids)},
            "given": {"tokens": ids},
            "tokens": tf.gather(words, ids),
        }

    def answers(values: Tensors, given: Tensors) -> Tensors:
        return outputs(behind([given["tokens"], values[column]], training=False))

    name = f"{column}_xf"
    return Explained({name: tf.TensorSpec([None], tf.string, name=name)}, inputs, answers)
