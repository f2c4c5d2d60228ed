"""What of a model can be differentiated, exported beside its signatures for attributions by gradients.

A SavedModel that holds it has an attribute `explained` with two functions: `inputs`, from transformed features (or raw
texts and pictures) to `values`, float32 by raw feature, and what is `given` beside them; and `answers`, from both to the
answers. Attributions are those of `values`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

Tensors = dict[str, tf.Tensor]
KEY = "explained"
"""In `custom_config`, whether it is wanted."""


class Explained(tf.Module):
    """Functions that are traced when the model is saved.

    Args:
      spec: of the features, each with a batch dimension.
      inputs: from features to {"values": float32 [B, ...] by raw feature, "given": {...}}, and where the values are
        embeddings of tokens, {"tokens": string [B, T]}.
      answers: from `values` and `given` to the answers by output.
    """

    def __init__(
        self,
        spec: Mapping[str, tf.TensorSpec],
        inputs: Callable[[Tensors], Mapping[str, Any]],
        answers: Callable[[Tensors, Tensors], Tensors],
    ) -> None:
        super().__init__()
        self.inputs = tf.function(inputs, input_signature=[dict(spec)])
        made = self.inputs.get_concrete_function().structured_outputs
        values, given = (
            {name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name) for name, tensor in made[key].items()}
            for key in ("values", "given")
        )
        self.answers = tf.function(answers, input_signature=[values, given])
