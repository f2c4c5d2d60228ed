"""Texts into classes: tokens made in the graph, embedded, read by one of the encoders.

Nothing here depends on one data set: column, tokens and sizes come from the configuration
(`text_classifier_config.Config`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common import (
    classification,
    explained,
    export,
    fitting,
    labels,
    losses,
    optimizers,
    raw_features,
    training_state,
    warm_start,
)
from trainer_modules.common.classification import Problem
from trainer_modules.text import batching, embedding_file, network, text_column, tokenizers, vocabulary
from trainer_modules.text.batching import Texts
from trainer_modules.text.explained import explained_texts
from trainer_modules.text.export import TextServingModule
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.text_classifier_config import Config, Features

Tensors = dict[str, tf.Tensor]
NAME = "text_classifier"


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on the text, string [B], count its tokens, and turn the label into an int64 class index.

    Tokens are made where they are used: transformed examples stay as small as the texts. Raises BadInput where the
    columns or the task do not fit.
    """
    label = classification.label(NAME, custom_config)
    features = Features.model_validate(custom_config.get("features", {}))
    texts = text_column.dense(inputs, features.column, NAME)
    if label not in inputs:
        raise BadInput(
            f"the examples have no column {label!r} (they have {', '.join(sorted(inputs))}): set label"
        )
    vocabulary.analyze(texts, features.tokenizer, _vocabulary_name(features))
    values = raw_features.dense(inputs[label], label)
    return {
        f"{features.column}_xf": texts,
        f"{label}_xf": labels.class_index(values, features.positive_class),
    }


def run_fn(fn_args: FnArgs) -> None:
    """Train on `train_files`, pick the epoch on `eval_files` (the valid split), export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training. A training that was killed goes on after its last
    epoch when it is started again with the same inputs. Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    config = Config.model_validate(
        {key: custom[key] for key in ("features", "model", "training") if key in custom}
    )
    features, training = config.features, config.training
    label = classification.label(NAME, custom)
    learnt = classification.problem(
        fn_args.transform_graph_path, custom["task"], label, [features.column], features.positive_class
    )
    tokenizer = _tokenizer(fn_args, config, learnt)

    def to_ids(transformed: Tensors) -> tf.RaggedTensor:
        ids = tokenizer.tokenize(transformed[f"{features.column}_xf"])
        return batching.truncated(ids, config.model.max_tokens, config.model.keep)

    train, valid = _read(fn_args, learnt, to_ids)
    names = tokenizer.names()
    plan = fitting.plan(training, train.count)
    model = _compiled(config, learnt, names, plan)
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model,
            fn_args.base_model,
            names,
            learnt.class_names,
            if_compatible=training.warm_start == "if_compatible",
        )
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    class_weight = None
    if training.class_weights == "balanced":
        class_weight = fitting.balanced_weights(train.labels, len(learnt.class_names))
    fitting.fit(model, train, valid, training, plan, fn_args.model_run_dir, state, class_weight)
    module = TextServingModule(
        model,
        learnt.transform,
        learnt.raw_spec,
        label,
        tokenizer,
        lambda transformed: batching.padded(to_ids(transformed)),
        learnt.outputs,
    )
    if custom.get(explained.KEY):
        module.explained = explained_texts(
            model, features.column, names, lambda found: batching.padded(to_ids(found)), learnt.outputs
        )
    export.save(module, fn_args.serving_model_dir, learnt.class_names)
    warm_start.save(fn_args.serving_model_dir, model, names, learnt.class_names)
    state.remove()


def _vocabulary_name(features: Features) -> str:
    return f"{features.column}_tokens"


def _tokenizer(fn_args: FnArgs, config: Config, learnt: Problem) -> Tokenizer:
    column = config.features.column
    return tokenizers.make(
        config.features.tokenizer,
        learnt.transform,
        _vocabulary_name(config.features),
        batching.column(fn_args.train_files, learnt.transform, f"{column}_xf"),
        fn_args.model_run_dir,
        config.training.seed,
    )


def _read(
    fn_args: FnArgs, learnt: Problem, to_ids: Callable[[Tensors], tf.RaggedTensor]
) -> tuple[Texts, Texts]:
    """Return the train and valid splits as tokens, and log how many of them are unknown."""
    train, valid = (
        batching.read(patterns, learnt.transform, learnt.label_key, to_ids)
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    fitting.require_examples(train, learnt.label)
    if not valid.count:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    for split, texts in (("train", train), ("valid", valid)):
        unknown = np.mean(texts.ids == Tokenizer.UNK) if len(texts.ids) else 0.0
        logging.info("%s: %d texts, %.1f%% of the tokens unknown", split, texts.count, 100 * unknown)
    return train, valid


def _compiled(config: Config, learnt: Problem, names: list[str], plan: fitting.Plan) -> keras.Model:
    training, vectors = config.training, config.model.vectors
    keras.utils.set_random_seed(training.seed)
    begin = None
    if vectors is not None:
        begin, _ = embedding_file.read(
            vectors.file, names, training.seed, vectors.vocabulary, config.model.embedding
        )
    model = network.build(
        config.model, len(names), learnt.scores, begin, tune_vectors=vectors is None or vectors.trainable
    )
    loss, metrics = losses.loss_and_metrics(learnt.task, training, [learnt.label], None)
    optimizer = optimizers.optimizer(training, plan.steps_per_epoch, plan.epochs)
    optimizer.global_clipnorm = training.clip_norm or None
    model.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=metrics,
        steps_per_execution=plan.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model
