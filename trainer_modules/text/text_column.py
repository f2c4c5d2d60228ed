"""The column of texts that a module reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import raw_features


def dense(inputs: Mapping[str, Any], name: str, module: str) -> tf.Tensor:
    """Return the texts of a column of the raw features, string [B]; a missing one is empty.

    Raises BadInput where there is no such column, or it holds no text.
    """
    if name not in inputs:
        raise BadInput(
            f"the examples have no column {name!r} (they have {', '.join(sorted(inputs))}): "
            "set trainer.features.column"
        )
    texts = raw_features.dense(inputs[name], name)
    if texts.dtype != tf.string:
        raise BadInput(f"column {name!r} is {texts.dtype.name}: {module} takes text")
    return texts
