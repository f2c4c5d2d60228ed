"""Images into classes: encoded JPEG or PNG, decoded and resized in the graph, through one of the architectures.

Nothing here depends on one data set: sizes, channels and classes come from the examples and the configuration
(`image_classifier_config.Config`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common import (
    classification,
    explained,
    fitting,
    labels,
    losses,
    optimizers,
    raw_features,
    training_state,
    warm_start,
)
from trainer_modules.common.classification import Problem
from trainer_modules.common.training_state import TrainingState
from trainer_modules.image_classifier_config import Augmentation, Config, Features
from trainer_modules.images import network
from trainer_modules.images.decoding import Form
from trainer_modules.images.examples import Images, form_of, load, read_index
from trainer_modules.images.explained import explained_images
from trainer_modules.images.export import FEATURE, ImageServingModule
from trainer_modules.images.export import save as save_model

Tensors = dict[str, tf.Tensor]
NAME = "image_classifier"
SIZES = ("height", "width", "channels")


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on the encoded image and its height, width and channels, and turn the label into an int64 class index.

    Pixels are decoded where they are used: transformed examples stay as small as the files. Raises BadInput where the
    examples hold no images or the task is none of classes.
    """
    label = classification.label(NAME, custom_config)
    features = Features.model_validate(custom_config.get("features", {}))
    for name in (FEATURE, label):
        if name not in inputs:
            raise BadInput(
                f"the examples have no feature {name!r} (they have {', '.join(sorted(inputs))}): image_classifier takes "
                "examples of data.images"
            )
    image = raw_features.dense(inputs[FEATURE], FEATURE)
    if image.dtype != tf.string:
        raise BadInput(
            f"feature {FEATURE!r} is {image.dtype.name}: encoded images (JPEG or PNG) are expected"
        )
    outputs = {f"{FEATURE}_xf": image}
    outputs |= {f"{name}_xf": raw_features.dense(inputs[name], name) for name in SIZES if name in inputs}
    values = raw_features.dense(inputs[label], label)
    outputs[f"{label}_xf"] = labels.class_index(values, features.positive_class)
    return outputs


def run_fn(fn_args: FnArgs) -> None:
    """Train on `train_files`, pick the epoch on `eval_files` (the valid split), export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training. A training that was killed goes on after its last
    epoch when it is started again with the same inputs. Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    config = Config.model_validate(
        {key: custom[key] for key in ("features", "model", "training") if key in custom}
    )
    training = config.training
    label = classification.label(NAME, custom)
    learnt = classification.problem(
        fn_args.transform_graph_path, custom["task"], label, [FEATURE, *SIZES], config.features.positive_class
    )
    train, valid = _read(fn_args, learnt, config)
    keras.utils.set_random_seed(training.seed)
    model = network.build(config.model, train.form, learnt.scores, training.mixed_precision)
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model,
            fn_args.base_model,
            (),
            learnt.class_names,
            if_compatible=training.warm_start == "if_compatible",
        )
    states = _states(fn_args, config, train, valid)
    try:
        _fit(model, train, valid, config, learnt, states, fn_args.model_run_dir)
    except BadInput:
        _remove(states)
        raise
    if training.mixed_precision != "none":
        model = network.in_float32(model, config.model, train.form, learnt.scores)
    module = ImageServingModule(
        model, learnt.transform, learnt.raw_spec, learnt.label, train.form, learnt.outputs
    )
    if custom.get(explained.KEY):
        module.explained = explained_images(model, train.form, learnt.outputs)
    save_model(module, fn_args.serving_model_dir, learnt.class_names, config.model.grad_cam)
    warm_start.save(fn_args.serving_model_dir, model, (), learnt.class_names)
    _remove(states)


def _read(fn_args: FnArgs, learnt: Problem, config: Config) -> tuple[Images, Images]:
    """Return the train and valid splits, in the form that the configuration or the training images give."""
    train, valid = (
        read_index(patterns, learnt.transform, learnt.label_key)
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    if not len(train.labels):
        raise BadInput(f"{learnt.label}: no example of the train split has a label")
    if not len(valid.labels):
        logging.warning("the valid split is empty: early stopping looks at the train split")
    image, budget = config.model.image, config.training.cache_mb * 2**20
    size = image.size
    if size is None and config.model.image_size:
        size = (config.model.image_size, config.model.image_size)
    form: Form = form_of(train, size, image.channels, image.resize, image.pad_value)
    return (
        load(train, form, config.training.augmentation, budget),
        load(valid, form, Augmentation(), budget),
    )


def _states(
    fn_args: FnArgs, config: Config, train: Images, valid: Images
) -> list[tuple[network.Stage, TrainingState]]:
    """Return the stages of the training, each with its checkpoint."""
    return [
        (
            stage,
            training_state.of_run(fn_args, config, valid.count > 0, stage.name),
        )
        for stage in network.stages(config, train.count)
    ]


def _remove(states: Sequence[tuple[network.Stage, TrainingState]]) -> None:
    for _, state in states:
        state.remove()


def _fit(
    model: keras.Model,
    train: Images,
    valid: Images,
    config: Config,
    learnt: Problem,
    states: Sequence[tuple[network.Stage, TrainingState]],
    model_run_dir: str,
) -> None:
    """Train stage by stage, and add the stages to the learning curves."""
    training = config.training
    class_weight = None
    if training.class_weights == "balanced":
        class_weight = fitting.balanced_weights(train.labels, len(learnt.class_names))
    facts: list[dict[str, Any]] = []
    record: dict[str, Any] = {}
    before: TrainingState | None = None
    for stage, state in states:
        stage.prepare(model)
        loss, metrics = losses.loss_and_metrics(learnt.task, training, [learnt.label], None)
        rate = training.model_copy(update={"learning_rate": stage.learning_rate})
        model.compile(
            optimizer=optimizers.optimizer(rate, stage.plan.steps_per_epoch, stage.plan.epochs),
            loss=loss,
            metrics=metrics,
            steps_per_execution=stage.plan.steps_per_execution,
            jit_compile=training.jit_compile,
        )
        model.optimizer.build(model.trainable_variables)
        if before is not None:
            state.follow(before)
        facts.append({**stage.facts(model), "first_epoch": state.epoch + 1})
        plan = fitting.Plan(
            stage.plan.steps_per_epoch, state.epoch + stage.plan.epochs, stage.plan.steps_per_execution
        )
        record = fitting.fit(model, train, valid, training, plan, model_run_dir, state, class_weight)
        facts[-1] |= {"epochs": state.epoch - facts[-1]["first_epoch"] + 1, "seconds": record["seconds"]}
        before = state
    record |= {"stages": facts, "seconds": round(sum(one["seconds"] for one in facts), 2)}
    (Path(model_run_dir) / fitting.CURVES_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
