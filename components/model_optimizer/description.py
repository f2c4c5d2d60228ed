"""What a form takes and answers, in words: the content of metadata.json and of the metadata inside the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from components.classifiers import SCORES
from components.model_optimizer.constants import LABELS

Description = dict[str, Any]


def describe(
    model_name: str,
    form: str,
    signature: str,
    task: str,
    inputs: Mapping[str, tf.TensorSpec],
    outputs: Mapping[str, tf.TensorSpec],
    class_names: Sequence[str],
) -> Description:
    """The description of a form, as JSON-able values.

    An input [1, height, width, 1 or 3] of floats counts as an image with pixels 0 to 255; of an output with one score
    for each class, `labels` names the file of the classes, in that order.
    """
    return {
        "name": model_name,
        "form": form,
        "task": task,
        "signature": signature,
        "inputs": [_tensor(name, spec, _image(spec)) for name, spec in inputs.items()],
        "outputs": [
            _tensor(name, spec, {"labels": LABELS} if class_names and name == SCORES.get(task) else {})
            for name, spec in outputs.items()
        ],
        "classes": list(class_names),
    }


def is_image(tensor: Mapping[str, Any]) -> bool:
    """Whether an input of a description is an image."""
    return "color_space" in tensor


def _tensor(name: str, spec: tf.TensorSpec, more: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "dtype": spec.dtype.name, "shape": spec.shape.as_list(), **more}


def _image(spec: tf.TensorSpec) -> dict[str, Any]:
    if spec.shape.rank != 4 or spec.shape[3] not in (1, 3) or not spec.dtype.is_floating:
        return {}
    return {"color_space": "RGB" if spec.shape[3] == 3 else "GRAYSCALE", "range": [0, 255]}
