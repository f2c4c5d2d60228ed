"""Keras optimizers with learning-rate decay from the `training` section."""

from __future__ import annotations

import keras

from trainer_modules.common.training_config import Training


def learning_rate(
    training: Training, steps_per_epoch: int, epochs: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the constant rate or its schedule over steps; `step` is a staircase, `cosine` ends at zero."""
    if training.decay == "none":
        return training.learning_rate
    if training.decay == "cosine":
        return keras.optimizers.schedules.CosineDecay(training.learning_rate, steps_per_epoch * epochs)
    return keras.optimizers.schedules.ExponentialDecay(
        training.learning_rate,
        decay_steps=steps_per_epoch * training.decay_epochs,
        decay_rate=training.decay_rate,
        staircase=training.decay == "step",
    )


def optimizer(training: Training, steps_per_epoch: int, epochs: int) -> keras.optimizers.Optimizer:
    """Return the optimizer that the configuration names."""
    rate = learning_rate(training, steps_per_epoch, epochs)
    if training.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if training.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    return keras.optimizers.SGD(rate, momentum=0.9 if training.optimizer == "momentum" else 0.0)
