"""Layers that the papers name and Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlpipe")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide every value by a power of the squares of its neighbours in the channels.

    [B, H, W, C] to the same shape and dtype: x / (bias + alpha * sum of squares over 2 radius + 1 channels)
    ** beta, computed in float32. Source: section 3.3 of the AlexNet paper, whose constants are the defaults.
    """

    def __init__(
        self, radius: int = 2, bias: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.radius, self.bias, self.alpha, self.beta = radius, bias, alpha, beta

    def call(self, inputs: Any) -> Any:
        values = ops.cast(inputs, "float32")
        squares = ops.pad(ops.square(values), [(0, 0), (0, 0), (0, 0), (self.radius, self.radius)])
        channels = inputs.shape[-1]
        total = sum(squares[..., start : start + channels] for start in range(2 * self.radius + 1))
        return ops.cast(values / ops.power(self.bias + self.alpha * total, self.beta), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        constants = {"radius": self.radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **constants}
