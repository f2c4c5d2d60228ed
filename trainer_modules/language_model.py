"""Language models: what comes next in a text, recurrent or a decoder-only Transformer, by characters, words or subwords.

Nothing here depends on one data set: column, tokens and sizes come from the configuration
(`language_model_config.Config`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common import fitting, optimizers, training_state, warm_start
from trainer_modules.language import decoder, export, recurrent, samples, windows
from trainer_modules.language.network import LanguageNetwork
from trainer_modules.language_model_config import Config, Features
from trainer_modules.text import batching, text_column, tokenizers, vocabulary
from trainer_modules.translation import losses

Tensors = dict[str, tf.Tensor]


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on the text, string [B], and count its words or characters.

    Tokens are made where they are used: transformed examples stay as small as the texts. Raises BadInput where the
    column or the task does not fit.
    """
    _require_task(custom_config)
    features = Features.model_validate(custom_config.get("features", {}))
    texts = text_column.dense(inputs, features.column, "language_model")
    vocabulary.analyze(texts, features.tokenizer, _vocabulary(features))
    return {f"{features.column}_xf": texts}


def run_fn(fn_args: FnArgs) -> None:
    """Train on `train_files`, pick the epoch on `eval_files` (the valid split), export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training. A training that was killed goes on after its last
    epoch when it is started again with the same inputs. Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    _require_task(custom)
    config = Config.model_validate(
        {key: custom[key] for key in ("features", "model", "training") if key in custom}
    )
    features, training = config.features, config.training
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    # Before there is a tokenizer: setting the seed deletes the resource in which SentencePiece's operations hold the model.
    keras.utils.set_random_seed(training.seed)
    tokenizer = tokenizers.make(
        features.tokenizer,
        transform,
        _vocabulary(features),
        batching.column(fn_args.train_files, transform, f"{features.column}_xf"),
        Path(fn_args.model_run_dir) / "tokenizers",
        training.seed,
    )
    train, valid = (
        windows.read(
            patterns,
            transform,
            f"{features.column}_xf",
            tokenizer,
            config.model.max_tokens,
            features.whole_texts,
        )
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    if not train.count:
        raise BadInput(f"{features.column}: no example of the train split has a text")
    if not valid.count:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    steps = fitting.plan(training, train.count)
    model = compiled(config, tokenizer.size, steps)
    known = [tokenizer.digest()]
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model, fn_args.base_model, (), known, if_compatible=training.warm_start == "if_compatible"
        )
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    fitting.fit(model, train, valid, training, steps, fn_args.model_run_dir, state)
    raw_spec = {features.column: transform.raw_feature_spec()[features.column]}
    module = export.LanguageModule(model, transform, raw_spec, features, tokenizer)
    generate = export.save(module, fn_args.serving_model_dir)
    warm_start.save(fn_args.serving_model_dir, model, (), known)
    texts = batching.column(
        fn_args.eval_files if valid.count else fn_args.train_files, transform, f"{features.column}_xf"
    )
    samples.write(generate, texts, training.samples, fn_args.model_run_dir)
    state.remove()


def compiled(config: Config, size: int, steps: fitting.Plan) -> LanguageNetwork:
    """Return the network that the configuration names, for so many ids, ready to be fitted."""
    training = config.training
    module = decoder if config.model.architecture == "transformer" else recurrent
    model: LanguageNetwork = module.from_config(size, config.model)
    model.make_weights()
    optimizer = optimizers.optimizer(training, steps.steps_per_epoch, steps.epochs)
    optimizer.global_clipnorm = training.clip_norm or None
    model.compile(
        optimizer=optimizer,
        loss=losses.TokenCrossentropy(training.label_smoothing),
        weighted_metrics=[losses.Perplexity()],
        steps_per_execution=steps.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _require_task(custom_config: Mapping[str, Any]) -> None:
    task, labels = custom_config["task"], custom_config["labels"]
    if task != "language_model":
        raise BadInput(f"language_model takes task language_model, not {task}")
    if labels:
        raise BadInput(f"a language model has no label, got {', '.join(labels)}: leave it out")


def _vocabulary(features: Features) -> str:
    return f"{features.column}_tokens"
