"""One training run: steps, callbacks, resume, learning curves."""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import architecture
from trainer_modules.common.progress import Progress
from trainer_modules.common.training_config import Training
from trainer_modules.common.training_state import TrainingState

CURVES_FILE = "learning_curves.json"
VALID_BATCH = 256
_STEPS_PER_CALL = 50


@dataclass(frozen=True)
class Plan:
    """How many optimizer steps make an epoch, how many epochs, and how many steps one call of TensorFlow does."""

    steps_per_epoch: int
    epochs: int
    steps_per_execution: int

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.steps_per_epoch * self.epochs


class Learnt(Protocol):
    """The split that is learnt from: `input_data.Split`, or another that keeps to it."""

    @property
    def count(self) -> int:
        """Number of labelled examples."""
        ...

    def training_batches(self, batch_size: int, seed: int, skip_steps: int = 0) -> tf.data.Dataset:
        """Shuffled batches without end; the same seed gives the same ones."""
        ...


class Measured(Protocol):
    """The split that picks the epoch: `input_data.Split`, or another that keeps to it."""

    @property
    def count(self) -> int:
        """Number of labelled examples."""
        ...

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Every row once, in order."""
        ...


class Examples(Learnt, Measured, Protocol):
    """A split that may be either."""


def plan(training: Training, examples: int) -> Plan:
    """Return the steps of a training; an epoch is rounded up to whole calls of equal length."""
    per_epoch = math.ceil(examples / training.batch_size)
    if training.steps is not None:
        per_epoch = min(per_epoch, training.steps)
    calls = math.ceil(per_epoch / _STEPS_PER_CALL)
    per_call = math.ceil(per_epoch / calls)
    epochs = training.epochs if training.steps is None else math.ceil(training.steps / (calls * per_call))
    return Plan(calls * per_call, epochs, per_call)


def balanced_weights(labels: np.ndarray, classes: int) -> dict[int, float]:
    """Return a weight for each class so that all weigh the same in total; a class without examples gets 1."""
    counts = np.bincount(labels, minlength=classes)
    return {
        index: len(labels) / (classes * count) if count else 1.0
        for index, count in enumerate(counts.tolist())
    }


def fit(
    model: keras.Model,
    train: Learnt,
    valid: Measured,
    training: Training,
    steps: Plan,
    model_run_dir: str,
    state: TrainingState,
    class_weight: dict[int, float] | None = None,
) -> dict[str, Any]:
    """Fit the compiled model, leave it with the weights to export, and write `learning_curves.json` and `model.json`.

    TensorBoard logs go to `model_run_dir` too. Returns what was written: a list for each curve and the facts of
    the training (best epoch, parameters, steps, seed, seconds, the epoch that it was resumed from).
    """
    started = time.monotonic()
    first_epoch = state.resume(model)
    if state.resumed_after:
        logging.info("training resumes after epoch %d of %d", first_epoch, steps.epochs)
    if not state.stopped and first_epoch < steps.epochs:
        try:
            model.fit(
                train.training_batches(
                    training.batch_size, training.seed, first_epoch * steps.steps_per_epoch
                ),
                validation_data=valid.batches(max(training.batch_size, VALID_BATCH)) if valid.count else None,
                epochs=steps.epochs,
                initial_epoch=first_epoch,
                steps_per_epoch=steps.steps_per_epoch,
                class_weight=class_weight,
                shuffle=False,
                callbacks=[
                    Progress(steps.steps),
                    state,
                    keras.callbacks.TensorBoard(model_run_dir, write_graph=False),
                ],
                verbose=0,
            )
        except BadInput:
            state.remove()
            raise
    state.restore_best(model)
    record = {
        **state.curves,
        "best_epoch": state.best_epoch,
        "stopped_early": state.stopped,
        "resumed_after_epoch": state.resumed_after,
        "parameters": int(model.count_params()),
        "steps": state.epoch * steps.steps_per_epoch,
        "steps_per_epoch": steps.steps_per_epoch,
        "seed": training.seed,
        "seconds": round(time.monotonic() - started, 2),
        "train_examples": train.count,
        "valid_examples": valid.count,
    }
    folder = Path(model_run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CURVES_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
    architecture.write(model, folder)
    return record


def require_examples(train: Learnt, label: str) -> None:
    """Raise BadInput when no training example has a label."""
    if not train.count:
        raise BadInput(f"{label}: no example of the train split has a label")
