"""Early stopping and checkpoints in one callback, so that a killed training goes on exactly where it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common.training_config import EarlyStopping, Training

_HIGHER_IS_BETTER = ("accuracy", "auc")


class TrainingConfig(Protocol):
    """The configuration of a trainer module."""

    @property
    def training(self) -> Training: ...

    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


def folder_for(model_run_dir: str, *inputs: Any) -> Path:
    """Return the checkpoint folder of a training: equal inputs (JSON-able) give the same folder.

    It lies beside the component's artifacts, since an interrupted execution's own folder is not used again.
    """
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:32]
    return Path(model_run_dir).absolute().parent.parent / "checkpoints" / key


def of_run(fn_args: FnArgs, config: TrainingConfig, has_valid: bool, *stage: str) -> TrainingState:
    """Return the state of a run of a trainer module: a training that was killed goes on where all is as it was.

    config: of the module, with a section `training`; stage: its name, where a training has several.
    """
    folder = folder_for(
        fn_args.model_run_dir,
        fn_args.transform_graph_path,
        fn_args.train_files,
        fn_args.eval_files,
        fn_args.base_model,
        fn_args.custom_config,
        config.model_dump(mode="json"),
        *stage,
    )
    return TrainingState(config.training.early_stopping, folder, has_valid)


class TrainingState(keras.callbacks.Callback):
    """Keeps the best epoch, stops early, and saves the whole state of the training after every epoch.

    One file holds weights, optimizer, curves, best weights and patience, so that a resumed training ends with the
    same model as one that was never interrupted. `resume` must be called on the compiled model before `fit`.
    """

    def __init__(
        self, early_stopping: EarlyStopping, folder: Path | None = None, has_valid: bool = True
    ) -> None:
        super().__init__()
        self.early_stopping = early_stopping
        self.folder = folder
        self.metric = f"val_{early_stopping.metric}" if has_valid else early_stopping.metric
        self.sign = -1.0 if early_stopping.metric in _HIGHER_IS_BETTER else 1.0
        self.curves: dict[str, list[float]] = {}
        self.epoch = 0
        self.best_epoch = 0
        self.best = float("inf")
        self.best_weights: list[np.ndarray] = []
        self.stopped = False
        self.began_after = 0
        self.resumed_after = 0

    def follow(self, previous: TrainingState) -> None:
        """Go on from a training that has ended, as a further stage of it: with its curves and its best epoch.

        Patience counts from here on.
        """
        self.curves = {name: list(values) for name, values in previous.curves.items()}
        self.epoch = self.began_after = previous.epoch
        self.best, self.best_epoch = previous.best, previous.best_epoch
        self.best_weights = list(previous.best_weights)

    def resume(self, model: keras.Model) -> int:
        """Restore the last saved epoch, if there is one, and return how many epochs are done."""
        path = self._path()
        if path is None or not path.exists():
            return self.epoch
        with np.load(path, allow_pickle=False) as saved:
            state = json.loads(str(saved["state"]))
            _assign(model.variables, [saved[f"weight_{i}"] for i in range(len(model.variables))])
            optimizer = model.optimizer.variables
            _assign(optimizer, [saved[f"optimizer_{i}"] for i in range(len(optimizer))])
            self.best_weights = [saved[f"best_{i}"] for i in range(state["best_weights"])]
        self.curves, self.epoch = state["curves"], state["epoch"]
        self.best_epoch, self.best, self.stopped = state["best_epoch"], state["best"], state["stopped"]
        self.resumed_after = self.epoch
        return self.epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, judge it, and save the state."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self.metric not in values:
            known = sorted(name for name in values if not name.startswith("val_"))
            raise BadInput(
                f"trainer.training.early_stopping.metric: {self.early_stopping.metric!r} is none of {', '.join(known)}"
            )
        self.epoch = epoch + 1
        for name, value in {"epoch": self.epoch, **values}.items():
            self.curves.setdefault(name, []).append(value)
        if self.sign * values[self.metric] < self.best:
            self.best, self.best_epoch = self.sign * values[self.metric], self.epoch
            if self.early_stopping.restore_best:
                self.best_weights = [variable.numpy() for variable in self.model.variables]
        patience = self.early_stopping.patience
        if patience and self.epoch - max(self.best_epoch, self.began_after) >= patience:
            self.stopped = self.model.stop_training = True
        self._save()

    def restore_best(self, model: keras.Model) -> None:
        """Give the model the weights of its best epoch, where the configuration says so."""
        if self.best_weights:
            _assign(model.variables, self.best_weights)

    def remove(self) -> None:
        """Delete the checkpoint: the training has ended and its model is exported."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self) -> Path | None:
        return None if self.folder is None else self.folder / "state.npz"

    def _save(self) -> None:
        path = self._path()
        if path is None:
            return
        state = {
            "curves": self.curves,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "stopped": self.stopped,
            "best_weights": len(self.best_weights),
        }
        arrays = {f"weight_{i}": variable.numpy() for i, variable in enumerate(self.model.variables)}
        arrays |= {f"optimizer_{i}": v.numpy() for i, v in enumerate(self.model.optimizer.variables)}
        arrays |= {f"best_{i}": value for i, value in enumerate(self.best_weights)}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, state=np.array(json.dumps(state)), **arrays)
        os.replace(partial, path)


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
