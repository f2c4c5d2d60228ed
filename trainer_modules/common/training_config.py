"""The `training` section that trainer modules share (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen part of the configuration in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EarlyStopping(Section):
    """When to stop before the last epoch, judged on the `valid` split."""

    patience: int = Field(20, ge=0, description="epochs without an improvement; 0 never stops early")
    metric: str = Field("loss", description="loss or a metric of the task: accuracy, auc, rmse, rmse_<label>")
    restore_best: bool = Field(True, description="export the best epoch, not the last")


class NoTuning(Section):
    """Of a module without a search: nothing may stand here."""


class Training(Section):
    """How a model is fitted."""

    loss: Literal["auto", "binary_crossentropy", "softmax", "mse", "mae", "huber"] = "auto"
    huber_delta: float = Field(1.0, gt=0, description="in standard deviations of the label")
    optimizer: Literal["sgd", "momentum", "rmsprop", "adam"] = "adam"
    learning_rate: float = Field(0.001, gt=0, le=100)
    decay: Literal["none", "exponential", "cosine", "step"] = "none"
    decay_rate: float = Field(0.5, gt=0, le=1, description="factor for each `decay_epochs`; not for cosine")
    decay_epochs: int = Field(10, ge=1, description="epochs between two decays; not for cosine")
    warmup_epochs: float = Field(0.0, ge=0, description="the rate rises from 0 over the first epochs")
    weight_decay: float = Field(0.0, ge=0, le=1, description="of kernels alone, decoupled from the gradient")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of a label given to all classes alike")
    batch_size: int = Field(32, ge=1)
    epochs: int = Field(100, ge=1)
    steps: int | None = Field(None, ge=1, description="instead of epochs; rounded up to whole epochs")
    early_stopping: EarlyStopping = EarlyStopping()
    seed: int = Field(42, ge=0, lt=2**31)
    class_weights: Literal["none", "balanced"] = "none"
    warm_start: bool | Literal["if_compatible"] = Field(
        False,
        description="start from the last blessed model; `if_compatible` starts afresh when shapes differ",
    )
