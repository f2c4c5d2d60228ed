"""A tag for each token of a sentence: a recurrent network, and a conditional random field over its scores.

Nothing here depends on one data set: columns, tags and sizes come from the examples and the configuration
(`sequence_tagger_config.Config`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common import export, fitting, optimizers, training_state, warm_start
from trainer_modules.sequence_tagger_config import Config, Features
from trainer_modules.tagging import examples, network
from trainer_modules.tagging import tokens as vocabulary
from trainer_modules.tagging.chain import Chain, TokenAccuracy
from trainer_modules.tagging.export import TaggerServingModule
from trainer_modules.tagging.tokens import Tokens

Tensors = dict[str, Any]
TOKENS, TAGS = "tokens", "tags"


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on tokens and tags, sparse string [B, T] each, and count them over the train split.

    Raises BadInput where the columns or the task do not fit.
    """
    label = _label(custom_config)
    features = Features.model_validate(custom_config.get("features", {}))
    for name in (features.tokens, label):
        if name not in inputs:
            raise BadInput(
                f"the examples have no column {name!r} (they have {', '.join(sorted(inputs))}): "
                "set trainer.features.tokens or label"
            )
    tokens, tags = (_sparse(inputs[name], name) for name in (features.tokens, label))
    tft.vocabulary(
        vocabulary.normal(tokens.values, features.lowercase),
        top_k=features.size,
        frequency_threshold=features.min_frequency if features.min_frequency > 1 else None,
        vocab_filename=TOKENS,
        file_format="tfrecord_gzip",
    )
    tft.vocabulary(tags.values, vocab_filename=TAGS, file_format="tfrecord_gzip")
    return {f"{features.tokens}_xf": tokens, f"{label}_xf": tags}


def run_fn(fn_args: FnArgs) -> None:
    """Train on `train_files`, pick the epoch on `eval_files` (the valid split), export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training. A training that was killed goes on after its last
    epoch when it is started again with the same inputs. Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    config = Config.model_validate(
        {key: custom[key] for key in ("features", "model", "training") if key in custom}
    )
    training, label = config.training, _label(custom)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    tokens = Tokens(config, [token for token in transform.vocabulary_by_name(TOKENS) if token])
    tags = sorted(tag.decode() for tag in transform.vocabulary_by_name(TAGS))
    train, valid = (
        examples.read(patterns, transform, tokens, label, tags)
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    fitting.require_examples(train, label)
    if not valid.count:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    keras.utils.set_random_seed(training.seed)
    plan = fitting.plan(training, train.count)
    model, chain = _compiled(config, tokens, tags, plan)
    if training.warm_start and fn_args.base_model:
        fits = training.warm_start == "if_compatible"
        warm_start.apply(model, fn_args.base_model, tokens.names, tags, if_compatible=fits)
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    fitting.fit(model, train, valid, training, plan, fn_args.model_run_dir, state)
    names = tf.constant(tags)
    spec = transform.raw_feature_spec()
    module = TaggerServingModule(
        model,
        transform,
        {name: spec[name] for name in (config.features.tokens, label)},
        label,
        tokens,
        lambda scores, lengths: tf.gather(names, chain.best(scores, lengths)),
    )
    export.save(module, fn_args.serving_model_dir, tags)
    warm_start.save(fn_args.serving_model_dir, model, tokens.names, tags)
    state.remove()


def _label(custom_config: Mapping[str, Any]) -> str:
    task, names = custom_config["task"], custom_config["labels"]
    if task != "tagging":
        raise BadInput(f"sequence_tagger takes task tagging, not {task}")
    if len(names) != 1:
        raise BadInput(f"sequence_tagger takes one label, got {len(names)}: {', '.join(names)}")
    return str(names[0])


def _sparse(feature: tf.Tensor | tf.SparseTensor, name: str) -> tf.SparseTensor:
    if feature.dtype != tf.string:
        raise BadInput(f"column {name!r} is {feature.dtype.name}: sequence_tagger takes text")
    if isinstance(feature, tf.SparseTensor):
        return feature
    if isinstance(feature, tf.RaggedTensor):
        return feature.to_sparse()
    return tf.RaggedTensor.from_tensor(tf.reshape(feature, [tf.shape(feature)[0], -1])).to_sparse()


def _compiled(
    config: Config, tokens: Tokens, tags: list[str], plan: fitting.Plan
) -> tuple[keras.Model, Chain]:
    training = config.training
    scores = network.build(config.model, len(tokens.names), len(tags))
    chain = Chain(tags, config.model.decoding)
    model = keras.Model(scores.input, chain(scores.output), name=scores.name)
    optimizer = optimizers.optimizer(training, plan.steps_per_epoch, plan.epochs)
    optimizer.global_clipnorm = training.clip_norm or None
    model.compile(
        optimizer=optimizer,
        loss=chain.loss,
        metrics=[TokenAccuracy(chain)],
        steps_per_execution=plan.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model, chain
