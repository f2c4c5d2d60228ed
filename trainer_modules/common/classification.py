"""What a classifier of texts or images learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.common import export, labels


@dataclass(frozen=True)
class Problem:
    """The task, the label, its classes in index order, and the raw features that serving knows."""

    task: str
    label: str
    class_names: list[str]
    raw_spec: dict[str, Any]
    transform: tft.TFTransformOutput

    @property
    def label_key(self) -> str:
        """Name of the transformed label."""
        return f"{self.label}_xf"

    @property
    def scores(self) -> int:
        """Width of the network's output."""
        return 1 if self.task == "binary" else len(self.class_names)

    def outputs(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Turn scores [B, scores] into the named answers of the serving signatures."""
        return export.classification_outputs(scores, self.class_names)


def label(module: str, custom_config: Mapping[str, Any]) -> str:
    """Return the one label; raises BadInput where the task is not one of classes, or there are several labels."""
    task, names = custom_config["task"], custom_config["labels"]
    if task not in ("binary", "multiclass"):
        raise BadInput(f"{module} takes task binary or multiclass, not {task}")
    if len(names) != 1:
        raise BadInput(f"{module} takes one label, got {len(names)}: {', '.join(names)}")
    return str(names[0])


def problem(
    transform_graph: str,
    task: str,
    label_name: str,
    columns: Sequence[str],
    positive_class: str | int | None,
) -> Problem:
    """Read the transform graph; raises BadInput when the classes do not fit the task.

    Serving knows those of the columns that the examples have, and the label.
    """
    transform = tft.TFTransformOutput(transform_graph)
    spec = transform.raw_feature_spec()
    classes = labels.class_names(transform, spec[label_name].dtype, positive_class)
    if task == "binary" and len(classes) != 2:
        raise BadInput(
            f"label {label_name!r} has {len(classes)} classes ({', '.join(classes[:10])}): set task to multiclass"
        )
    raw_spec = {name: spec[name] for name in (*columns, label_name) if name in spec}
    return Problem(task, label_name, classes, raw_spec, transform)
