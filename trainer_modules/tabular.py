"""Any table: numeric, categorical and bucketed columns into a linear model or a stack of dense layers.

Nothing here depends on one data set: kinds come from the schema and the configuration (`tabular_config.Config`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from common.errors import BadInput
from trainer_modules.common import (
    explained,
    export,
    fitting,
    input_data,
    labels,
    losses,
    optimizers,
    raw_features,
    training_state,
    warm_start,
)
from trainer_modules.common.progress import TrialProgress
from trainer_modules.tabular_columns import Tensors, columns, vocabulary_name
from trainer_modules.tabular_config import Config, Features
from trainer_modules.tabular_explained import explained_table
from trainer_modules.tabular_model import Problem, build_model, problem, with_hyperparameters


def _numeric_features(inputs: Mapping[str, Any], names: Sequence[str]) -> Tensors:
    """Return z-scores with the mean for missing values, and an indicator for each column that may miss values.

    One pair of analyzers serves all columns, in float64 so that large integers keep their digits.
    """
    if not names:
        return {}
    raw = [raw_features.dense(inputs[name], name) for name in names]
    missing = [raw_features.is_missing(values) for values in raw]
    values = tf.stack([tf.cast(column, tf.float64) for column in raw], axis=1)
    known = tf.logical_not(tf.stack(missing, axis=1))
    values = tf.where(known, values, tf.constant(float("nan"), tf.float64))
    mean = tft.mean(values, reduce_instance_dims=False)
    variance = tft.var(values, reduce_instance_dims=False)
    usable = tf.logical_and(known, tf.logical_and(tf.math.is_finite(mean), variance > 0))
    deviation = tf.sqrt(tf.where(variance > 0, variance, tf.ones_like(variance)))
    scores = tf.where(usable, (values - mean) / deviation, tf.zeros_like(values))
    scores = tf.cast(scores, tf.float32)
    outputs = {f"{name}_xf": scores[:, i] for i, name in enumerate(names)}
    for name, absent in zip(names, missing, strict=True):
        if isinstance(inputs[name], tf.SparseTensor):
            outputs[f"{name}_xf_missing"] = tf.cast(absent, tf.float32)
    return outputs


def _categorical_feature(raw: tf.Tensor, name: str, features: Features) -> tf.Tensor:
    """Return 0 for missing, then one index for each token of the vocabulary, then one for all others."""
    missing = raw_features.is_missing(raw)
    tokens = raw if raw.dtype == tf.string else tf.strings.as_string(raw)
    vocabulary = tft.vocabulary(
        tf.boolean_mask(tokens, tf.logical_not(missing)),
        top_k=features.top_k,
        frequency_threshold=features.frequency_threshold,
        vocab_filename=vocabulary_name(name),
    )
    index = tft.apply_vocabulary(tokens, vocabulary, num_oov_buckets=1)
    return tf.where(missing, tf.zeros_like(index), index + 1)


def _bucketed_feature(raw: tf.Tensor, buckets: int) -> tf.Tensor:
    """Return 0 for missing, then 1 to `buckets` by the quantiles of the training data."""
    values = tf.cast(raw, tf.float32)
    missing = raw_features.is_missing(raw)
    boundaries = tft.quantiles(tf.boolean_mask(values, tf.logical_not(missing)), buckets, epsilon=0.01)
    index = tft.apply_buckets(tf.where(missing, tf.zeros_like(values), values), boundaries)
    return tf.where(missing, tf.zeros_like(index), index + 1)


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Turn raw features into `<name>_xf`: z-scores, vocabulary or bucket indices, and the labels.

    Features may be dense or sparse, one value per example. A class label becomes an int64 index, a regression label
    stays as it is (float32). Raises BadInput where the configuration does not fit the columns.
    """
    features = Features.model_validate(custom_config.get("features", {}))
    label_names = custom_config["labels"]
    found = columns({name: tensor.dtype for name, tensor in inputs.items()}, features, label_names)
    outputs = _numeric_features(inputs, found.numeric)
    for name in found.categorical:
        outputs[f"{name}_xf"] = _categorical_feature(raw_features.dense(inputs[name], name), name, features)
    for name, buckets in found.bucketed:
        outputs[f"{name}_xf"] = _bucketed_feature(raw_features.dense(inputs[name], name), buckets)
    for name in label_names:
        values = raw_features.dense(inputs[name], name)
        if custom_config["task"] != "regression":
            outputs[f"{name}_xf"] = labels.class_index(values, features.positive_class)
        elif values.dtype == tf.string:
            raise BadInput(f"label {name!r} holds text: regression needs numbers")
        else:
            absent = raw_features.is_missing(values)
            number = tf.cast(values, tf.float32)
            outputs[f"{name}_xf"] = tf.where(absent, tf.constant(float("nan")), number)
    return outputs


def _read(fn_args: FnArgs, learnt: Problem) -> tuple[input_data.Split, input_data.Split]:
    """Return the train and valid splits."""
    train, valid = (
        input_data.read(patterns, learnt.transform, learnt.layout.assemble, learnt.label_keys)
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    fitting.require_examples(train, learnt.label_names[0])
    if not valid.count:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    return train, valid


def _compiled(learnt: Problem, config: Config, train: input_data.Split, steps: fitting.Plan) -> keras.Model:
    scale = losses.label_scale(train.labels) if learnt.task == "regression" else None
    model = build_model(config.model, learnt.layout, learnt.scores, scale)
    loss, metrics = losses.loss_and_metrics(
        learnt.task, config.training, learnt.label_names, scale[1] if scale else None
    )
    model.compile(
        optimizer=optimizers.optimizer(config.training, steps.steps_per_epoch, steps.epochs),
        loss=loss,
        metrics=metrics,
        steps_per_execution=steps.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def run_fn(fn_args: FnArgs) -> None:
    """Train on `train_files`, pick the epoch on `eval_files` (the valid split), export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training; `hyperparameters` of a Tuner take precedence.
    A training that was killed goes on after its last epoch when it is started again with the same inputs.
    Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    sections = {key: custom[key] for key in ("features", "model", "training") if key in custom}
    config = with_hyperparameters(Config.model_validate(sections), fn_args.hyperparameters)
    learnt = problem(fn_args.transform_graph_path, custom, config.features)
    train, valid = _read(fn_args, learnt)
    training = config.training
    keras.utils.set_random_seed(training.seed)
    steps = fitting.plan(training, train.count)
    model = _compiled(learnt, config, train, steps)
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model,
            fn_args.base_model,
            learnt.layout.input_names,
            learnt.output_names,
            if_compatible=training.warm_start == "if_compatible",
        )
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    class_weight = None
    if training.class_weights == "balanced" and learnt.class_names:
        class_weight = fitting.balanced_weights(train.labels, len(learnt.class_names))
    fitting.fit(model, train, valid, training, steps, fn_args.model_run_dir, state, class_weight)
    module = export.ServingModule(
        model, learnt.transform, learnt.raw_spec, learnt.label_names, learnt.layout.assemble, learnt.outputs
    )
    if custom.get(explained.KEY):
        module.explained = explained_table(model, learnt)
    export.save(module, fn_args.serving_model_dir, learnt.class_names)
    warm_start.save(fn_args.serving_model_dir, model, learnt.layout.input_names, learnt.output_names)
    state.remove()


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Return a random search over learning rate, layers, units, dropout and L2, judged by the loss on valid.

    The ranges come from `custom_config["tuning"]`; trials are stored in `fn_args.working_dir`.
    """
    custom = fn_args.custom_config
    sections = {key: custom[key] for key in ("features", "model", "training", "tuning") if key in custom}
    config = Config.model_validate(sections)
    tuning = config.tuning
    if not tuning.trials:
        raise BadInput("trainer.tuning.trials is 0: there is nothing to search")
    learnt = problem(fn_args.transform_graph_path, custom, config.features)
    train, valid = _read(fn_args, learnt)
    training = config.training.model_copy(update={"epochs": tuning.epochs or config.training.epochs})
    steps = fitting.plan(training, train.count)

    def build(search: keras_tuner.HyperParameters) -> keras.Model:
        drawn = {
            "learning_rate": search.Float("learning_rate", *tuning.learning_rate, sampling="log"),
            "layers": search.Int("layers", *tuning.layers),
            "units": search.Int("units", *tuning.units, sampling="log"),
            "dropout": search.Float("dropout", *tuning.dropout),
            "l2": search.Float("l2", *tuning.l2, sampling="log"),
        }
        return _compiled(learnt, with_hyperparameters(config, {"values": drawn}), train, steps)

    tuner = keras_tuner.RandomSearch(
        build,
        objective=keras_tuner.Objective("val_loss" if valid.count else "loss", "min"),
        max_trials=tuning.trials,
        seed=training.seed,
        directory=fn_args.working_dir,
        project_name="trials",
        overwrite=True,
    )
    callbacks: list[Any] = [keras.callbacks.TerminateOnNaN(), TrialProgress(tuning.trials, steps.steps)]
    if training.early_stopping.patience and valid.count:
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=training.early_stopping.patience))
    fit_kwargs = {
        "x": train.training_batches(training.batch_size, training.seed),
        "validation_data": valid.batches(max(training.batch_size, fitting.VALID_BATCH))
        if valid.count
        else None,
        "epochs": steps.epochs,
        "steps_per_epoch": steps.steps_per_epoch,
        "callbacks": callbacks,
        "shuffle": False,
        "verbose": 0,
    }
    return TunerFnResult(tuner=tuner, fit_kwargs=fit_kwargs)
