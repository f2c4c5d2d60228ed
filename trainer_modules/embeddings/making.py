"""What the component WordPairs asks a trainer module for: the pairs of a block of transformed examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.embeddings import pairs
from trainer_modules.embeddings.pairs import Pairs
from trainer_modules.embeddings.subsampling import keep_probability
from trainer_modules.text import vocabulary
from trainer_modules.text.tokenizer_config import RESERVED
from trainer_modules.text.tokenizers import VocabularyTokenizer
from trainer_modules.word_embeddings_config import Config, Features

LEARNT = "train"


class PairMaker:
    """Makes the pairs of one split.

    Words are numbered from 0 in the order of their frequency; those without a number are left out first, and the words
    around them become neighbours. What is learnt from are the pairs of the objective; of another split all pairs within
    the window, which `held_out` measures. `summed` says that equal pairs may be added up, wherever they were made.
    """

    def __init__(self, transform_graph: str, custom_config: dict[str, Any], split: str) -> None:
        config = Config.model_validate({key: custom_config[key] for key in ("features", "model")})
        transform = tft.TFTransformOutput(transform_graph)
        known = vocabulary.read(transform, vocabulary_name(config.features))
        key = f"{config.features.column}_xf"
        self._spec = {key: transform.transformed_feature_spec()[key]}
        self._key, self._model = key, config.model
        self._tokenizer = VocabularyTokenizer(config.features.tokenizer, known.tokens)
        self._keep = keep_probability(np.array(known.counts), config.model.subsample)
        self._skip_grams = split == LEARNT and config.model.objective == "skip_gram"
        self._cooccurrences = split == LEARNT and config.model.objective == "glove"
        self.summed = not self._skip_grams

    def __call__(self, examples: Sequence[bytes], random: np.random.Generator) -> Pairs:
        """Return the pairs of a block of serialized examples."""
        words, texts = self._words(examples)
        if self._cooccurrences:
            return pairs.cooccurrences(words, texts, self._model.window)
        if not self._skip_grams:
            return pairs.summed(pairs.neighbours(words, texts, self._model.window))
        drawn = []
        for _ in range(self._model.passes):
            kept = pairs.subsampled(words, texts, self._keep, random)
            drawn.append(pairs.skip_grams(*kept, self._model.window, random))
        return Pairs(*(np.concatenate(column) for column in zip(*drawn, strict=True)))

    def _words(self, examples: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        ids = self._tokenizer.tokenize(tf.io.parse_example(tf.constant(examples), self._spec)[self._key])
        found, texts = ids.flat_values.numpy(), ids.value_rowids().numpy()
        known = found >= RESERVED
        return found[known] - RESERVED, texts[known]


def vocabulary_name(features: Features) -> str:
    """Return the name of the vocabulary in the transform graph."""
    return f"{features.column}_tokens"
