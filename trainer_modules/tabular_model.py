"""The tabular model: a linear model or a stack of dense layers over one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.common import export, labels
from trainer_modules.tabular_columns import Layout, Tensors, columns, layout
from trainer_modules.tabular_config import Config, Features, Model


@dataclass(frozen=True)
class Problem:
    """What is learnt: the task, the labels, the classes, and how the inputs are laid out."""

    task: str
    label_names: list[str]
    class_names: list[str]
    raw_spec: dict[str, Any]
    layout: Layout
    transform: tft.TFTransformOutput

    @property
    def label_keys(self) -> list[str]:
        """Names of the transformed labels."""
        return [f"{name}_xf" for name in self.label_names]

    @property
    def output_names(self) -> list[str]:
        """What the scores stand for: the classes, or the labels of a regression."""
        return self.class_names or self.label_names

    @property
    def scores(self) -> int:
        """Width of the model's output."""
        return {"binary": 1, "multiclass": len(self.class_names)}.get(self.task, len(self.label_names))

    def outputs(self, scores: tf.Tensor) -> Tensors:
        """Turn scores [B, scores] into the named answers of the serving signatures."""
        if self.task == "regression":
            return export.regression_outputs(scores, self.label_names)
        return export.classification_outputs(scores, self.class_names)


def problem(transform_graph: str, custom_config: Mapping[str, Any], features: Features) -> Problem:
    """Read the transform graph; raises BadInput when the classes do not fit the task."""
    transform = tft.TFTransformOutput(transform_graph)
    spec = transform.raw_feature_spec()
    task, label_names = custom_config["task"], list(custom_config["labels"])
    found = columns({name: feature.dtype for name, feature in spec.items()}, features, label_names)
    used = {*found.numeric, *found.categorical, *dict(found.bucketed), *label_names}
    classes = []
    if task != "regression":
        classes = labels.class_names(transform, spec[label_names[0]].dtype, features.positive_class)
        if task == "binary" and len(classes) != 2:
            raise BadInput(
                f"label {label_names[0]!r} has {len(classes)} classes ({', '.join(classes[:10])}): "
                "set task to multiclass"
            )
    raw_spec = {name: spec[name] for name in sorted(used)}
    return Problem(task, label_names, classes, raw_spec, layout(transform, found), transform)


def build_model(
    settings: Model, shape: Layout, scores: int, label_scale: tuple[Any, Any] | None
) -> keras.Model:
    """Return the Keras model from {"numeric", "categorical"} to scores [B, scores].

    Scores are logits for classes; for regression they are in the labels' own units, by way of `label_scale`
    (mean and standard deviation of each label), so that the layers themselves work on z-scores.
    """
    inputs, parts = {}, []
    if shape.numeric:
        inputs["numeric"] = keras.Input([len(shape.numeric)], name="numeric")
        parts.append(inputs["numeric"])
    if shape.categorical:
        inputs["categorical"] = keras.Input([len(shape.categorical)], dtype="int32", name="categorical")
        encode = keras.layers.CategoryEncoding(len(shape.tokens), output_mode="multi_hot")
        parts.append(encode(inputs["categorical"]))
    hidden = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)

    def dense_layer(units: int) -> keras.layers.Dense:
        regularizer = (
            keras.regularizers.L1L2(settings.l1, settings.l2) if settings.l1 or settings.l2 else None
        )
        return keras.layers.Dense(
            units, kernel_initializer=settings.initializer, kernel_regularizer=regularizer
        )

    for units in settings.hidden:
        hidden = dense_layer(units)(hidden)
        if settings.batch_norm:
            hidden = keras.layers.BatchNormalization()(hidden)
        hidden = keras.layers.Activation(settings.activation)(hidden)
        if settings.dropout:
            hidden = keras.layers.Dropout(settings.dropout)(hidden)
    output = dense_layer(scores)(hidden)
    if label_scale is not None:
        mean, deviation = label_scale
        output = keras.layers.Rescaling(scale=list(map(float, deviation)), offset=list(map(float, mean)))(
            output
        )
    return keras.Model(inputs, output)


def with_hyperparameters(config: Config, hyperparameters: Mapping[str, Any] | None) -> Config:
    """Return the configuration with what the Tuner found (a KerasTuner config) in place of its own values."""
    if not hyperparameters:
        return config
    values = hyperparameters["values"]
    layers = [int(values["units"])] * int(values["layers"])
    model = config.model.model_copy(
        update={"hidden": layers, "dropout": values["dropout"], "l2": values["l2"]}
    )
    training = config.training.model_copy(update={"learning_rate": values["learning_rate"]})
    return config.model_copy(update={"model": model, "training": training})
