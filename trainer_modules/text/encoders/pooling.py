"""One row of features for a text from those of its tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Silenced(keras.layers.Layer):
    """Zeros in place of what is no real token of float32 [B, T, F]."""

    def call(self, features: Any, real: Any) -> Any:
        """Return float32 [B, T, F]; `real` is bool [B, T]."""
        return ops.where(real[..., None], features, 0.0)


class _Pooling(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """There are no tokens any more, and so no mask."""


class MaskedMean(_Pooling):
    """Mean over the real tokens of float32 [B, T, F]; zeros for a text without any."""

    def call(self, features: Any, real: Any) -> Any:
        """Return float32 [B, F]; `real` is bool [B, T]."""
        weight = ops.cast(real, features.dtype)[..., None]
        return ops.sum(features * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)


class MaskedMax(_Pooling):
    """Maximum over the real tokens of float32 [B, T, F]; zeros for a text without any."""

    def call(self, features: Any, real: Any) -> Any:
        """Return float32 [B, F]; `real` is bool [B, T]."""
        lowest = ops.max(ops.where(real[..., None], features, -1e9), axis=1)
        return ops.where(ops.any(real, axis=1)[..., None], lowest, 0.0)


def pool(kind: str, features: Any, real: Any) -> Any:
    """Return the `mean` or `max` of features [B, T, F] over real tokens, [B, F]."""
    return (MaskedMean() if kind == "mean" else MaskedMax())(features, real)
