"""Small untrained networks over token ids, for the tests of search and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trainer_modules.sequence_to_sequence_config import Model, Tokenizer
from trainer_modules.text.tokenizers import VocabularyTokenizer
from trainer_modules.translation import recurrent, transformer
from trainer_modules.translation.export import TranslationModule, names
from trainer_modules.translation.translator import PAD, Translator

KINDS = {
    "gru, dot": {"cell": "gru", "attention": "dot", "units": 8, "embedding": 6, "layers": 2},
    "lstm, additive": {"cell": "lstm", "attention": "additive", "units": 8, "bidirectional": False},
    "gru, multiplicative": {"attention": "multiplicative", "units": 6},
    "transformer": {"architecture": "transformer", "units": 8, "heads": 2, "layers": 2, "feed_forward": 16},
}
"""Settings of the `model` section."""

SOURCE = [[4, 5, 6, 3, 0, 0], [4, 3, 0, 0, 0, 0], [8, 7, 6, 5, 4, 3]]


def translator(kind: str, source_size: int = 9, target_size: int = 7, seed: int = 1) -> Translator:
    """Return a network whose random weights are large enough for its answers to differ from sentence to sentence."""
    keras.utils.set_random_seed(seed)
    settings = Model.model_validate(KINDS[kind])
    module = transformer if settings.architecture == "transformer" else recurrent
    model = module.from_config(source_size, target_size, settings)
    model.make_weights()
    for weight in model.trainable_weights:
        weight.assign(weight + tf.random.normal(weight.shape) * 0.7)
    return model


def log_likelihood(logits: tf.Tensor, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the natural log of the probability of each row of tokens [B, T], and how many of them are no padding.

    `logits` [B, T, V] are of these tokens themselves. Both answers are float32 [B].
    """
    known = tf.cast(tokens != PAD, tf.float32)
    each = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=logits)
    return tf.reduce_sum(each * known, axis=1), tf.reduce_sum(known, axis=1)


class Untaught(TranslationModule):
    """A model of characters that was never trained, without a transform graph: it translates alone."""

    def __init__(self, kind: str, source: str, target: str, seed: int, **settings: Any) -> None:
        tf.Module.__init__(self)
        self._settings = Model.model_validate({**KINDS[kind], "max_target": 12, **settings})
        self._source, self._label = "source", "target"
        self._feature_spec = {"source": tf.io.FixedLenFeature([], tf.string)}
        self.transform = lambda raw: {f"{name}_xf": values for name, values in raw.items()}
        self.assemble = self._ids
        self.source_tokenizer, self.target_tokenizer = (
            VocabularyTokenizer(Tokenizer(kind="characters"), [one.encode() for one in letters])
            for letters in (source, target)
        )
        self._names = [names(tokenizer) for tokenizer in (self.source_tokenizer, self.target_tokenizer)]
        model = translator(kind, self.source_tokenizer.size, self.target_tokenizer.size, seed)
        self._variables = [variable.value for variable in model.variables]
        self._model = lambda: model

    def save(self, folder: Path) -> None:
        """Write the SavedModel with the signature that translates."""
        tf.saved_model.save(self, folder, {"translate": self.translate()})
