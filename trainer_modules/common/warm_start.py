"""Starting a training from the weights of an earlier exported model."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import BadInput

_FILE = Path("assets.extra") / "warm_start.npz"


def save(
    saved_model: str, model: keras.Model, input_names: Sequence[str], output_names: Sequence[str]
) -> None:
    """Put the weights beside the SavedModel, where serving does not look.

    `input_names` name the rows of the first kernel, so that a model with another vocabulary can take its rows over;
    without names the first kernel is a weight like the others.
    """
    path = Path(saved_model) / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    names = json.dumps({"inputs": list(input_names), "outputs": list(output_names)})
    arrays = {f"weight_{i}": weight.numpy() for i, weight in enumerate(model.weights)}
    np.savez(path, names=np.array(names), **arrays)


def _difference(
    model: keras.Model, old: list[np.ndarray], names: dict[str, Any], output_names: Sequence[str]
) -> str | None:
    if names["outputs"] != list(output_names):
        return f"outputs {', '.join(output_names)} instead of {', '.join(names['outputs'])}"
    if len(old) != len(model.weights):
        return f"{len(model.weights)} weights instead of {len(old)}"
    for i, (weight, before) in enumerate(zip(model.weights, old, strict=True)):
        first = 1 if i == 0 and names["inputs"] else 0
        if tuple(weight.shape)[first:] != before.shape[first:]:
            return f"{weight.path} has shape {list(weight.shape)} instead of {list(before.shape)}"
    return None


def apply(
    model: keras.Model,
    saved_model: str,
    input_names: Sequence[str],
    output_names: Sequence[str],
    if_compatible: bool = False,
) -> bool:
    """Give the model the weights of `saved_model`; inputs that it did not have keep their fresh rows.

    Returns whether the weights were taken. Raises BadInput that names the difference when outputs or layers differ,
    unless `if_compatible`.
    """
    path = Path(saved_model) / _FILE
    if path.exists():
        with np.load(path, allow_pickle=False) as saved:
            names = json.loads(str(saved["names"]))
            old = [saved[f"weight_{i}"] for i in range(len(saved.files) - 1)]
        difference = _difference(model, old, names, output_names)
    else:
        difference = f"{saved_model} holds no weights to start from"
    if difference:
        if not if_compatible:
            raise BadInput(
                f"trainer.training.warm_start: the last blessed model does not fit this one ({difference}): "
                "set it to if_compatible or false"
            )
        logging.warning("training starts afresh: the last blessed model does not fit (%s)", difference)
        return False
    rows = {name: row for row, name in enumerate(names["inputs"])}
    kernel = model.weights[0].numpy() if input_names else old[0]
    for row, name in enumerate(input_names):
        if name in rows:
            kernel[row] = old[0][rows[name]]
    for weight, value in zip(model.weights, [kernel, *old[1:]], strict=True):
        weight.assign(value)
    taken = f": {sum(name in rows for name in input_names)} of {len(input_names)} inputs known to it"
    logging.info("training starts from %s%s", saved_model, taken if input_names else "")
    return True
