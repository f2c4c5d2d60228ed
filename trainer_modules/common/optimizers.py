"""Keras optimizers with learning-rate decay from the `training` section."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.common.training_config import Training


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises in a straight line over the first `steps`, and then follows `after` from its beginning.

    Source: P. Goyal et al., "Accurate, large minibatch SGD" (2017), section 2.2.
    """

    def __init__(self, steps: int, rate: float, after: Any) -> None:
        super().__init__()
        self.steps, self.rate, self.after = steps, rate, after

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, the first of which is 0."""
        step = keras.ops.cast(step, "float32")
        later = keras.ops.maximum(step - self.steps, 0.0)
        after = self.after(later) if callable(self.after) else self.after
        return keras.ops.where(step < self.steps, self.rate * (step + 1) / self.steps, after)


def learning_rate(
    training: Training, steps_per_epoch: int, epochs: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the constant rate or its schedule over steps; `step` is a staircase, `cosine` ends at zero."""
    warm_up = round(training.warmup_epochs * steps_per_epoch)
    after = _decayed(training, steps_per_epoch, max(1, steps_per_epoch * epochs - warm_up))
    return WarmUp(warm_up, training.learning_rate, after) if warm_up else after


def _decayed(training: Training, steps_per_epoch: int, steps: int) -> Any:
    if training.decay == "none":
        return training.learning_rate
    if training.decay == "cosine":
        return keras.optimizers.schedules.CosineDecay(training.learning_rate, steps)
    return keras.optimizers.schedules.ExponentialDecay(
        training.learning_rate,
        decay_steps=steps_per_epoch * training.decay_epochs,
        decay_rate=training.decay_rate,
        staircase=training.decay == "step",
    )


def optimizer(training: Training, steps_per_epoch: int, epochs: int) -> keras.optimizers.Optimizer:
    """Return the optimizer that the configuration names; biases and what normalises are left out of weight decay.

    Source of the decay: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2017).
    """
    rate = learning_rate(training, steps_per_epoch, epochs)
    found = _named(training.optimizer, rate, training.weight_decay or None)
    if training.weight_decay:
        found.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return found


def _named(name: str, rate: Any, weight_decay: float | None) -> keras.optimizers.Optimizer:
    if name == "adam":
        return keras.optimizers.Adam(rate, weight_decay=weight_decay)
    if name == "rmsprop":
        return keras.optimizers.RMSprop(rate, weight_decay=weight_decay)
    momentum = 0.9 if name == "momentum" else 0.0
    return keras.optimizers.SGD(rate, momentum=momentum, weight_decay=weight_decay)
