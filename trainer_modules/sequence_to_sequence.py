"""One text into another: an encoder and a decoder with attention, recurrent or a Transformer.

Nothing here depends on one data set: columns, tokenizers and sizes come from the configuration
(`sequence_to_sequence_config.Config`).
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
from trainer_modules.common import fitting, raw_features, training_state, warm_start
from trainer_modules.sequence_to_sequence_config import Config, Features
from trainer_modules.text import tokenizers, vocabulary
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.translation import export, losses, recurrent, samples, schedule, transformer
from trainer_modules.translation.examples import Texts, read, tokenised
from trainer_modules.translation.translator import Translator

Tensors = dict[str, tf.Tensor]


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on source and target as text, string [B], and count their words or characters.

    Tokens are made where they are used: transformed examples stay as small as the texts. Raises BadInput where the
    columns do not fit.
    """
    features = Features.model_validate(custom_config.get("features", {}))
    label = _label(custom_config, features.source)
    columns = {features.source: features.source_tokenizer, label: features.target_tokenizer}
    for name in columns:
        if name not in inputs:
            raise BadInput(f"the examples have no column {name!r} (they have {', '.join(sorted(inputs))})")
    texts = {name: raw_features.dense(inputs[name], name) for name in columns}
    for name, values in texts.items():
        if values.dtype != tf.string:
            raise BadInput(f"column {name!r} is {values.dtype.name}: sequence_to_sequence takes text")
    for name, tokenizer in columns.items():
        vocabulary.analyze(texts[name], tokenizer, _vocabulary(name))
    return {f"{name}_xf": values for name, values in texts.items()}


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
    label = _label(custom, features.source)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    train_texts, valid_texts = (
        read(patterns, transform, features.source, label)
        for patterns in (fn_args.train_files, fn_args.eval_files)
    )
    if not train_texts.targets:
        raise BadInput(f"{label}: no example of the train split has a text")
    if not valid_texts.targets:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    # It empties TensorFlow's cache of kernels, and one of them is a SentencePiece model: it comes before the tokenizers.
    keras.utils.set_random_seed(training.seed)
    sides = _tokenizers(config, transform, label, train_texts, fn_args.model_run_dir)
    train, valid = (
        tokenised(texts, *sides, config.model.max_source, config.model.max_target)
        for texts in (train_texts, valid_texts)
    )
    steps = fitting.plan(training, train.count)
    model = compiled(config, sides[0].size, sides[1].size, steps)
    known = [tokenizer.digest() for tokenizer in sides]
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model, fn_args.base_model, (), known, if_compatible=training.warm_start == "if_compatible"
        )
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    fitting.fit(model, train, valid, training, steps, fn_args.model_run_dir, state)
    spec = transform.raw_feature_spec()
    raw_spec = {name: spec[name] for name in (features.source, label)}
    module = export.TranslationModule(model, transform, raw_spec, features.source, label, sides, config.model)
    export.save(module, fn_args.serving_model_dir)
    warm_start.save(fn_args.serving_model_dir, model, (), known)
    samples.write(module, valid_texts, features.source, label, training.samples, fn_args.model_run_dir)
    state.remove()


def compiled(config: Config, source_size: int, target_size: int, steps: fitting.Plan) -> Translator:
    """Return the network that the configuration names, for so many source and target ids, ready to be fitted."""
    module = recurrent if config.model.architecture == "recurrent" else transformer
    model: Translator = module.from_config(source_size, target_size, config.model)
    model.make_weights()
    model.compile(
        optimizer=schedule.optimizer(config.training, steps.steps_per_epoch, steps.epochs),
        loss=losses.TokenCrossentropy(config.training.label_smoothing),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy"), losses.Perplexity()],
        steps_per_execution=steps.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _label(custom_config: Mapping[str, Any], source: str) -> str:
    task, names = custom_config["task"], custom_config["labels"]
    if task != "translation":
        raise BadInput(f"sequence_to_sequence takes task translation, not {task}")
    if len(names) != 1:
        raise BadInput(
            f"sequence_to_sequence takes one label, the target column; got {len(names)}: {', '.join(names)}"
        )
    if names[0] == source:
        raise BadInput(f"{source!r} is the label and trainer.features.source: name two columns")
    return str(names[0])


def _vocabulary(column: str) -> str:
    return f"{column}_tokens"


def _tokenizers(
    config: Config, transform: tft.TFTransformOutput, label: str, texts: Texts, model_run_dir: str
) -> tuple[Tokenizer, Tokenizer]:
    features, folder = config.features, Path(model_run_dir) / "tokenizers"
    source, target = (
        tokenizers.make(tokenizer, transform, _vocabulary(name), lines, folder, config.training.seed)
        for name, tokenizer, lines in (
            (features.source, features.source_tokenizer, texts.sources),
            (label, features.target_tokenizer, texts.targets),
        )
    )
    return source, target
