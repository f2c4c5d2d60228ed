"""Word embeddings: vectors of words whose neighbours in text are alike, by skip-gram or GloVe.

Nothing here depends on one data set: column, words and sizes come from the configuration
(`word_embeddings_config.Config`). The pairs of words that are learnt from are made between Transform and Trainer, by the
component WordPairs, which asks `pairs_fn` for those of each split.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from common.errors import BadInput
from trainer_modules.common import fitting, optimizers, progress, training_state, warm_start
from trainer_modules.embeddings import debiasing, export, noise, pair_files, shown, subsampling
from trainer_modules.embeddings.making import PairMaker, vocabulary_name
from trainer_modules.embeddings.network import Embeddings, GloVe, SkipGram
from trainer_modules.text import text_column, vocabulary
from trainer_modules.text.tokenizers import VocabularyTokenizer
from trainer_modules.text.vocabulary import Vocabulary
from trainer_modules.word_embeddings_config import Config, Features

Tensors = dict[str, tf.Tensor]


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    """Pass on the text, string [B], and count its words.

    Raises BadInput where the column or the task does not fit.
    """
    _require_task(custom_config)
    features = Features.model_validate(custom_config.get("features", {}))
    texts = text_column.dense(inputs, features.column, "word_embeddings")
    vocabulary.analyze(texts, features.tokenizer, vocabulary_name(features))
    return {f"{features.column}_xf": texts}


def pairs_fn(transform_graph: str, custom_config: dict[str, Any], split: str) -> PairMaker:
    """Return what makes the pairs of a split, for the component WordPairs; the configuration has features and model."""
    return PairMaker(transform_graph, custom_config, split)


def run_fn(fn_args: FnArgs) -> None:
    """Train on the pairs of `train_files`, pick the epoch on those of `eval_files`, export to `serving_model_dir`.

    `custom_config` holds task, labels, features, model and training. Beside the run go vectors.tsv and metadata.tsv, for
    the embedding projector, neighbours.json and analogies.json. A training that was killed goes on after its last epoch
    when it is started again with the same inputs. Raises BadInput where data and configuration do not fit.
    """
    custom = fn_args.custom_config
    _require_task(custom)
    config = Config.model_validate(
        {key: custom[key] for key in ("features", "model", "training") if key in custom}
    )
    features, training = config.features, config.training
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    known = vocabulary.read(transform, vocabulary_name(features))
    names = [token.decode() for token in known.tokens]
    if config.model.debias:
        debiasing.require_words(names, config.model.debias)
    keras.utils.set_random_seed(training.seed)
    tokenizer = VocabularyTokenizer(features.tokenizer, known.tokens)
    negatives = config.model.negatives if config.model.objective == "skip_gram" else 0
    train = pair_files.learnt(fn_args.train_files, len(names), negatives)
    valid = pair_files.measured(fn_args.eval_files, len(names))
    if not train.count:
        raise BadInput(
            f"{features.column}: the train split has no two known words in one text: add texts, or lower "
            "trainer.features.tokenizer.min_frequency or raise trainer.model.subsample"
        )
    if not valid.count:
        logging.warning("the valid split is empty: early stopping looks at the train split")
    logging.info("%d words, %d pairs to learn from", len(names), train.count)
    steps = fitting.plan(training, train.count)
    model = compiled(config, known, steps)
    digest = [tokenizer.digest()]
    if training.warm_start and fn_args.base_model:
        warm_start.apply(
            model, fn_args.base_model, (), digest, if_compatible=training.warm_start == "if_compatible"
        )
    state = training_state.of_run(fn_args, config, has_valid=valid.count > 0)
    fitting.fit(model, train, valid, training, steps, fn_args.model_run_dir, state)
    if valid.count:
        model.calibrate(valid.batches(training.batch_size))
    vectors = shown_vectors(model, names, config)
    _show(Path(fn_args.model_run_dir), vectors, known, names, config)
    raw_spec = {features.column: transform.raw_feature_spec()[features.column]}
    module = export.EmbeddingsModule(
        model, transform, raw_spec, config, tokenizer, unigram(known).astype(np.float32), vectors
    )
    export.save(module, fn_args.serving_model_dir)
    warm_start.save(fn_args.serving_model_dir, model, (), digest)
    state.remove()


def compiled(config: Config, known: Vocabulary, steps: fitting.Plan) -> Embeddings:
    """Return the network that the configuration names, ready to be fitted; untrained it predicts by frequency alone."""
    settings, training = config.model, config.training
    size = len(known.tokens)
    if settings.objective == "skip_gram":
        keep = subsampling.keep_probability(np.array(known.counts), settings.subsample)
        # A context that is often left out is seen less often than it stands there.
        prior = noise.log_probabilities(size) - np.log(keep)
        bias = unigram(known) - prior - np.log(settings.negatives)
        model: Embeddings = SkipGram(size, settings.dimensions, bias, prior, training.seed)
    else:
        # What a word's counts add up to: it stands with each neighbour twice, once before and once behind it.
        row_sums = 2 * np.array(known.counts) * (1 / np.arange(1, settings.window + 1)).sum()
        model = GloVe(
            size,
            settings.dimensions,
            np.log(row_sums),
            unigram(known),
            training.seed,
            settings.x_max,
            settings.alpha,
        )
    model.compile(
        optimizer=optimizers.optimizer(training, steps.steps_per_epoch, steps.epochs),
        steps_per_execution=steps.steps_per_execution,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def unigram(known: Vocabulary) -> np.ndarray:
    """Return the logarithm [V] of how frequent each word is among those that have a vector, in the train split."""
    counts = np.array(known.counts, np.float64)
    return np.log(counts / counts.sum())


def shown_vectors(model: Embeddings, names: list[str], config: Config) -> np.ndarray:
    """Return the vectors float32 [V, D] with length 1, debiased where the configuration says so."""
    if config.model.debias:
        return debiasing.debiased(model.vectors(), names, config.model.debias)
    return debiasing.unit(model.vectors())


def _show(folder: Path, vectors: np.ndarray, known: Vocabulary, names: list[str], config: Config) -> None:
    shown.write_projector(folder, vectors, names, known.counts)
    words = config.model.show or shown.frequent_content_words(names, known.counts)
    shown.write_neighbours(folder, vectors, names, words)
    if config.model.analogies:
        found = shown.write_analogies(folder, vectors, names, config.model.analogies)
        progress.say(f"analogies  {found['right']} of {found['asked']} as expected")


def _require_task(custom_config: Mapping[str, Any]) -> None:
    task, labels = custom_config["task"], custom_config["labels"]
    if task != "embedding":
        raise BadInput(f"word_embeddings takes task embedding, not {task}")
    if labels:
        raise BadInput(f"word embeddings have no label, got {', '.join(labels)}: leave it out")
