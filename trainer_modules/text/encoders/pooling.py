"""One row of features for a text from those of its tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("text")
class MaskedMean(keras.layers.Layer):
    """Mean over the real tokens of float32 [B, T, F]; zeros for a text without any."""

    def call(self, features: Any, real: Any) -> Any:
        """Return float32 [B, F]; `real` is bool [B, T]."""
        weight = ops.cast(real, features.dtype)[..., None]
        return ops.sum(features * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)


@keras.saving.register_keras_serializable("text")
class MaskedMax(keras.layers.Layer):
    """Maximum over the real tokens of float32 [B, T, F]; zeros for a text without any."""

    def call(self, features: Any, real: Any) -> Any:
        """Return float32 [B, F]; `real` is bool [B, T]."""
        lowest = ops.max(ops.where(real[..., None], features, -1e9), axis=1)
        return ops.where(ops.any(real, axis=1)[..., None], lowest, 0.0)


def pool(kind: str, features: Any, real: Any) -> Any:
    """Return the `mean` or `max` of features [B, T, F] over real tokens, [B, F]."""
    layer = MaskedMean(name="mean") if kind == "mean" else MaskedMax(name="max")
    return layer(features, real)
