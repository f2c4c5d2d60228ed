"""The network of an image classifier, and the stages of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from trainer_modules import architectures
from trainer_modules.common import fitting, progress
from trainer_modules.image_classifier_config import Config, Model
from trainer_modules.images import transfer
from trainer_modules.images.decoding import Form

_POLICIES = {"none": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def build(settings: Model, form: Form, scores: int, mixed_precision: str = "none") -> keras.Model:
    """Return the network from float32 [B, H, W, C] in 0..1 to logits float32 [B, scores]."""
    with _policy(_POLICIES[mixed_precision]):
        if settings.transfer is not None:
            return transfer.build(settings, form, scores)
        return architectures.build(settings, form.shape, scores)


def in_float32(model: keras.Model, settings: Model, form: Form, scores: int) -> keras.Model:
    """Return the same network with the same weights, computing in float32."""
    twin = build(settings, form, scores)
    for variable, trained in zip(twin.weights, model.weights, strict=True):
        variable.assign(trained)
    return twin


@dataclass(frozen=True)
class Stage:
    """A part of the training: which weights change, for how many epochs and at which learning rate."""

    name: str
    prepare: Callable[[keras.Model], None]
    plan: fitting.Plan
    learning_rate: float

    def facts(self, model: keras.Model) -> dict[str, Any]:
        """What the record of the training tells of the stage; counts are of single weights, batch norm's statistics frozen."""
        trainable = sum(variable.value.shape.num_elements() for variable in model.trainable_weights)
        frozen = sum(variable.value.shape.num_elements() for variable in model.non_trainable_weights)
        progress.say(
            f"stage {self.name}: {trainable:,} weights train, {frozen:,} do not, learning rate {self.learning_rate:g}"
        )
        return {
            "stage": self.name,
            "trainable": trainable,
            "frozen": frozen,
            "learning_rate": self.learning_rate,
        }


def stages(config: Config, examples: int) -> list[Stage]:
    """Return one stage, or with a pretrained network `frozen` and, if it is configured, `fine_tuned`."""
    training, settings = config.training, config.model.transfer
    plan = fitting.plan(training, examples)
    if settings is None:
        return [Stage("all", lambda model: None, plan, training.learning_rate)]
    found = [Stage("frozen", transfer.freeze, plan, training.learning_rate)]
    first = settings.fine_tune_from
    if first is not None:
        longer = fitting.Plan(plan.steps_per_epoch, settings.fine_tune_epochs, plan.steps_per_execution)
        rate = training.learning_rate * settings.fine_tune_rate
        found.append(Stage("fine_tuned", lambda model: transfer.unfreeze(model, first), longer, rate))
    return found


@contextmanager
def _policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
