"""The model that is explained: its answers, its labels, and what of it can be differentiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from common.raw_features import tensor_names
from components.attributions.constants import EXPLAINED

_BATCH = 512
_BYTES = "_bytes"
_TRANSFORMED = "_xf"


class ExplainedModel:
    """A SavedModel with the project's signatures (docs/trainer-module.md)."""

    def __init__(self, folder: Path) -> None:
        self._loaded = tf.saved_model.load(str(folder))

    def ask(self, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        """The answers to serialized tf.Examples, [N, ...] by output; texts are left out."""
        return self._in_batches("serving_examples", examples)

    def transformed(self, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        """The transformed features of serialized tf.Examples, [N, ...]; texts are left out."""
        return self._in_batches("transform_features", examples)

    def features(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that the model takes, sorted; all of them where its inputs have other names."""
        signature = self._loaded.signatures["serving_default"].structured_input_signature[1]
        names = tensor_names(columns)
        taken = [
            column
            for column in columns
            if {column, names[column], f"{names[column]}{_BYTES}"} & set(signature)
        ]
        return sorted(taken or columns)

    @cached_property
    def explained(self) -> Any:
        """What `trainer_modules.common.explained` has exported; None where it has not."""
        return getattr(self._loaded, EXPLAINED, None)

    def inputs(self, examples: Sequence[bytes], raw: Sequence[Mapping[str, Sequence[Any]]]) -> dict[str, Any]:
        """What the explained part of the model makes of some examples: `values`, `given` and maybe `tokens`."""
        (wanted, *_), _ = self.explained.inputs.concrete_functions[0].structured_input_signature
        transformed = self._loaded.signatures["transform_features"](tf.constant(examples))
        found = {
            name: transformed[name] if name in transformed else tf.constant(_texts(raw, name))
            for name in wanted
        }
        told: dict[str, Any] = self.explained.inputs(found)
        return told

    def answers(self, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """The answers to what `inputs` made."""
        told: dict[str, tf.Tensor] = self.explained.answers(dict(values), dict(given))
        return told

    def _in_batches(self, signature: str, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        parts = [
            self._loaded.signatures[signature](tf.constant(examples[start : start + _BATCH]))
            for start in range(0, len(examples), _BATCH)
        ]
        return {
            name: np.concatenate([part[name].numpy() for part in parts])
            for name in parts[0]
            if parts[0][name].dtype != tf.string
        }


def _texts(raw: Sequence[Mapping[str, Sequence[Any]]], name: str) -> list[bytes]:
    """The text, or the encoded picture, of each example; "" where there is none."""
    column = name.removesuffix(_TRANSFORMED)
    return [row.get(column, [b""])[0] for row in raw]
