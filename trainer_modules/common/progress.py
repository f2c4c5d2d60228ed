"""Training progress as log records that the command line shows."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import keras

from common.errors import BadInput

_SECONDS_BETWEEN_RECORDS = 0.5


def _log(step: int, steps: int, loss: float) -> None:
    extra = {"mlpipe_step": step, "mlpipe_steps": steps, "mlpipe_loss": loss}
    logging.getLogger("mlpipe.progress").info("step %d/%d loss %.4f", step, steps, loss, extra=extra)


def say(line: str) -> None:
    """Log a line that stays on the screen, as the steps do not."""
    logging.getLogger("mlpipe.progress").info(line, extra={"mlpipe_line": True})


class Progress(keras.callbacks.Callback):
    """Logs step, steps and loss to `mlpipe.progress`; a loss that is not finite ends the training.

    Raises BadInput that names the step and the learning rate.
    """

    def __init__(self, steps: int, first_step: int = 0) -> None:
        super().__init__()
        self.steps = steps
        self.step = self.first_step = first_step
        self.logged_step = first_step
        self.last = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start counting at the first step of the epoch: the epoch may be resumed."""
        self.first_step = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss, and log it now and then."""
        self.step = self.first_step + batch + 1
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            raise BadInput(
                f"loss became NaN at step {self.step}: lower trainer.training.learning_rate (it is {rate:g})"
            )
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_RECORDS or self.step >= self.steps:
            self._log(loss)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Log the last step."""
        if logs and self.step != self.logged_step:
            self._log(float(logs["loss"]))

    def _log(self, loss: float) -> None:
        self.last, self.logged_step = time.monotonic(), self.step
        _log(self.step, self.steps, loss)


class TrialProgress(keras.callbacks.Callback):
    """Logs the steps of a search like those of one training: all trials, `steps` each, follow each other."""

    def __init__(self, trials: int, steps: int) -> None:
        super().__init__()
        self.trials, self.steps = trials, steps
        self.trial = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> TrialProgress:
        """Stay one object: KerasTuner copies its callbacks for each trial, and the count must go on."""
        return self

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Count the trial."""
        self.trial += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch."""
        done = (self.trial - 1) * self.steps + (epoch + 1) * self.params["steps"]
        _log(done, self.trials * self.steps, float((logs or {})["loss"]))
