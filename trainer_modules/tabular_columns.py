"""Columns of a table: their kinds, and how their transformed features become the inputs of a model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.tabular_config import Features

Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Columns:
    """The columns that the model sees, by kind, each sorted by name."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    bucketed: tuple[tuple[str, int], ...]


def columns(dtypes: Mapping[str, tf.DType], features: Features, label_names: Sequence[str]) -> Columns:
    """Return the kind of each column: what `features` says, else text is categorical and numbers are numeric.

    Raises BadInput for a column that does not exist, a number kind on text, a label among the features, or no
    column at all.
    """
    candidates = {name: dtype for name, dtype in dtypes.items() if name not in label_names}
    for kind in ("numeric", "categorical", "bucketed", "exclude"):
        for name in getattr(features, kind):
            place = f"trainer.features.{kind}: {name!r}"
            if name in label_names:
                if kind != "exclude":
                    raise BadInput(f"{place} is the label: take it out")
            elif name not in candidates:
                raise BadInput(
                    f"{place} is no column of the data; columns are {', '.join(sorted(candidates))}"
                )
            elif kind in ("numeric", "bucketed") and candidates[name] == tf.string:
                raise BadInput(f"{place} holds text: list it under categorical")
    named = {*features.categorical, *features.bucketed, *features.exclude}
    numeric = [name for name, dtype in candidates.items() if dtype != tf.string and name not in named]
    text = [name for name, dtype in candidates.items() if dtype == tf.string and name not in named]
    found = Columns(
        tuple(sorted(numeric)),
        tuple(sorted({*text, *features.categorical})),
        tuple(sorted(features.bucketed.items())),
    )
    if not (found.numeric or found.categorical or found.bucketed):
        raise BadInput("trainer.features.exclude leaves no column for the model")
    return found


def vocabulary_name(column: str) -> str:
    """Return the name of the vocabulary file of a categorical column, unique and fit for a path."""
    plain = re.sub(r"\W", "_", column, flags=re.ASCII)
    return f"vocabulary_{plain}_{hashlib.sha256(column.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Layout:
    """How transformed features become the two inputs of the model.

    `numeric` features are stacked to float32 [B, n]. `categorical` features are stacked to int32 [B, m], each with
    its own range of tokens: (feature, names of its tokens).
    """

    numeric: tuple[str, ...]
    categorical: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def tokens(self) -> list[str]:
        """Names of all tokens, in the order of their indices."""
        return [f"{feature}={token}" for feature, tokens in self.categorical for token in tokens]

    @property
    def input_names(self) -> list[str]:
        """Names of the rows of the first layer's kernel."""
        return [*self.numeric, *self.tokens]

    def assemble(self, features: Mapping[str, tf.Tensor]) -> Tensors:
        """Turn transformed features, each [B], into the model's inputs."""
        inputs = {}
        if self.numeric:
            inputs["numeric"] = tf.stack([features[name] for name in self.numeric], axis=1)
        if self.categorical:
            sizes = [len(tokens) for _, tokens in self.categorical]
            starts = np.cumsum([0, *sizes[:-1]])
            stacked = tf.stack([features[name] for name, _ in self.categorical], axis=1)
            inputs["categorical"] = tf.cast(stacked + starts, tf.int32)
        return inputs


def layout(transform: tft.TFTransformOutput, found: Columns) -> Layout:
    """Return the layout of the transformed features of these columns."""
    spec = transform.transformed_feature_spec()
    numeric = [f"{name}_xf" for name in found.numeric]
    numeric += [f"{name}_xf_missing" for name in found.numeric if f"{name}_xf_missing" in spec]
    categorical = []
    for name in found.categorical:
        vocabulary = [
            token.decode(errors="replace") for token in transform.vocabulary_by_name(vocabulary_name(name))
        ]
        categorical.append((f"{name}_xf", ("<missing>", *vocabulary, "<other>")))
    for name, buckets in found.bucketed:
        categorical.append((f"{name}_xf", ("<missing>", *(f"bucket {i}" for i in range(buckets)))))
    return Layout(tuple(numeric), tuple(categorical))
