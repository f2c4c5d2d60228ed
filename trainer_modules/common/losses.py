"""Losses and metrics of each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common.training_config import Training

_LOSSES = {
    "binary": ("binary_crossentropy",),
    "multiclass": ("softmax",),
    "regression": ("mse", "mae", "huber"),
}


def label_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each label column; a constant label has deviation 1."""
    exact = values.astype(np.float64)
    deviation = exact.std(axis=0)
    return exact.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


class ColumnRmse(keras.metrics.RootMeanSquaredError):
    """Root mean squared error of one of several labels, in its own units."""

    def __init__(self, column: int, name: str) -> None:
        super().__init__(name=name)
        self.column = column

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take one batch; y_true and y_pred are [B, labels]."""
        return super().update_state(y_true[:, self.column], y_pred[:, self.column], sample_weight)


class SmoothedCrossentropy(keras.losses.Loss):
    """Softmax cross-entropy of class indices [B] and logits [B, K], a share of each label given to all classes alike.

    Source: C. Szegedy et al., "Rethinking the Inception architecture for computer vision" (2015), section 7.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothed_crossentropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example, [B]."""
        index = keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32")
        one_hot = keras.ops.one_hot(index, y_pred.shape[-1], dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(
            one_hot, y_pred, from_logits=True, label_smoothing=self.smoothing
        )


def loss_and_metrics(
    task: str, training: Training, label_names: Sequence[str], deviation: np.ndarray | None
) -> tuple[Any, list[Any]]:
    """Return the Keras loss (for regression on labels in standard deviations) and the metrics of a task.

    Raises BadInput for a loss that does not belong to the task.
    """
    allowed = _LOSSES[task]
    name = allowed[0] if training.loss == "auto" else training.loss
    if name not in allowed:
        raise BadInput(f"trainer.training.loss: {name} is not for task {task}; it takes {', '.join(allowed)}")
    if task == "binary":
        metrics = [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)]
        loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=training.label_smoothing)
        return loss, [*metrics, keras.metrics.AUC(name="auc", from_logits=True)]
    if task == "multiclass":
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        if training.label_smoothing:
            return SmoothedCrossentropy(training.label_smoothing), [accuracy]
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True), [accuracy]
    if training.label_smoothing:
        raise BadInput("trainer.training.label_smoothing is for classes: leave it out for task regression")
    base = {
        "mse": keras.losses.MeanSquaredError(),
        "mae": keras.losses.MeanAbsoluteError(),
        "huber": keras.losses.Huber(delta=training.huber_delta),
    }[name]
    scale = tf.constant(deviation, tf.float32)

    def scaled(y_true: Any, y_pred: Any) -> Any:
        return base(y_true / scale, y_pred / scale)

    if len(label_names) == 1:
        return scaled, [ColumnRmse(0, "rmse")]
    return scaled, [ColumnRmse(i, f"rmse_{label}") for i, label in enumerate(label_names)]
