"""The optimizer of a translator: the learning rate of the Transformer's paper, and clipped gradients."""

from __future__ import annotations

from typing import Any

import keras

from trainer_modules.common import optimizers
from trainer_modules.sequence_to_sequence_config import Training


class Noam(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises in a straight line to its peak, and then falls with the square root of the step.

    The paper's peak is (units * warmup_steps) ** -0.5. Source: A. Vaswani et al., "Attention is all you need" (2017),
    section 5.3.
    """

    def __init__(self, peak: float, warmup_steps: int) -> None:
        super().__init__()
        self.peak, self.warmup_steps = peak, warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, the first of which is 0."""
        done = keras.ops.cast(step, "float32") + 1.0
        rising = done / self.warmup_steps
        falling = keras.ops.sqrt(self.warmup_steps / done)
        return self.peak * keras.ops.minimum(rising, falling)


def optimizer(training: Training, steps_per_epoch: int, epochs: int) -> keras.optimizers.Optimizer:
    """Return the optimizer that the configuration names; with `noam`, Adam has the paper's beta_2 and epsilon."""
    found = optimizers.optimizer(training, steps_per_epoch, epochs)
    if training.schedule == "noam":
        found.learning_rate = Noam(training.learning_rate, training.warmup_steps)
        if training.optimizer == "adam":
            found.beta_2, found.epsilon = 0.98, 1e-9
    found.global_clipnorm = training.clip_norm or None
    return found
