"""Export of a translator: texts in, translations, their attention and the likelihood of references out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import export, raw_features
from trainer_modules.sequence_to_sequence_config import Model
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.translation import search
from trainer_modules.translation.examples import before, source_ids, target_ids
from trainer_modules.translation.translator import PAD, Translator

Tensors = dict[str, tf.Tensor]
WIDEST_BEAM = 32
AS_CONFIGURED: dict[str, Any] = {"beam": 0, "length_penalty": -1.0}
"""Inputs of `translate` that leave it to the configuration; a request may leave them out (SignatureDef.defaults)."""
_END_NAME = "[END]"


class TranslationModule(export.ServingModule):
    """Owns the network, both tokenizers and the transform graph."""

    def __init__(
        self,
        model: Translator,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        source: str,
        label: str,
        tokenizers: tuple[Tokenizer, Tokenizer],
        settings: Model,
    ) -> None:
        super().__init__(model, transform, raw_spec, [label], self._ids, lambda found: found)
        self._source, self._label, self._settings = source, label, settings
        self.source_tokenizer, self.target_tokenizer = tokenizers
        self._names = [names(tokenizer) for tokenizer in tokenizers]

    def _ids(self, features: Tensors) -> Tensors:
        """Token ids source [B, S], and target [B, T] where the features hold the label."""
        settings = self._settings
        tokens = self.source_tokenizer.tokenize(features[f"{self._source}_xf"])
        found = {"source": source_ids(tokens, settings.max_source)}
        if f"{self._label}_xf" in features:
            tokens = self.target_tokenizer.tokenize(features[f"{self._label}_xf"])
            found["target"] = target_ids(tokens, settings.max_target)
        return found

    def search(self, memory: Any, beam: Any = None, penalty: Any = None) -> search.Found:
        """Return the best translations by the search that is configured, or by beam search with the values given."""
        settings = self._settings
        if beam is None and settings.beam == 1:
            return search.greedy(self.model, memory, settings.max_target)
        width = settings.beam if beam is None else beam
        factor = settings.length_penalty if penalty is None else penalty
        return search.beam(self.model, memory, settings.max_target, width, factor)

    def translate_texts(self, features: Tensors) -> Tensors:
        """Translate transformed features: translation, log_likelihood, tokens and score of it, one [B] each."""
        found = self.search(self.model.encode(self.assemble(features)["source"]))
        return {
            "translation": self._text(found.tokens),
            "log_likelihood": found.log_likelihood,
            "tokens": tf.cast(found.length, tf.float32),
            "score": search.score(found.log_likelihood, found.length, self._settings.length_penalty),
        }

    def judge(self, features: Tensors) -> Tensors:
        """Translate, and tell the log-likelihood and number of tokens of the reference, and both scores.

        A missing reference has log-likelihood, tokens and score 0.
        """
        ids, penalty = self.assemble(features), self._settings.length_penalty
        memory, target = self.model.encode(ids["source"]), ids["target"]
        found = self.search(memory)
        likelihood, tokens = search.follow(self.model, memory, target)
        given = tf.cast(features[f"{self._label}_xf"] != "", tf.float32)
        return {
            "translation": self._text(found.tokens),
            "log_likelihood": likelihood * given,
            "tokens": tokens * given,
            "score": search.score(found.log_likelihood, found.length, penalty),
            "reference_score": search.score(likelihood, tokens, penalty) * given,
        }

    def predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Tensors:
        """Answer for raw features in the form of the raw feature spec."""
        return self.translate_texts(self.transform(raw))

    def serving_examples(self) -> Any:
        """Signature on serialized tf.Examples, string [B]: the answers of `judge`; any feature may be left out."""
        spec = raw_features.tolerant_spec(self._all_spec)

        @tf.function(input_signature=[self._serialized()])
        def serving_examples(examples: tf.Tensor) -> Tensors:
            return self.judge(self.transform(tf.io.parse_example(examples, spec)))

        return serving_examples

    def translate(self) -> Any:
        """Signature with a beam and a length penalty of the caller's, and with attention.

        Inputs: the source column, string [B]; `beam` int32 and `length_penalty` float32, of which the first value holds
        for all sources (none, or one below 1 or 0, stands for that of the configuration, and need not be sent).
        Answers: `translation`, `log_likelihood` and `score` [B]; `attention` float32 [B, T, S] of each token of the
        translation (`target_tokens` string [B, T]) to those of the source (`source_tokens` string [B, S]), "" and 0
        where a sentence has ended.
        """
        spec, settings = self._feature_spec[self._source], self._settings
        name = raw_features.tensor_names(self._feature_spec)[self._source]

        @tf.function(
            input_signature=[
                {name: tf.TensorSpec([None], tf.string, name=name)},
                tf.TensorSpec([None], tf.int32, name="beam"),
                tf.TensorSpec([None], tf.float32, name="length_penalty"),
            ]
        )
        def translate(
            features: Tensors,
            beam: tf.Tensor = tf.constant([AS_CONFIGURED["beam"]]),
            length_penalty: tf.Tensor = tf.constant([AS_CONFIGURED["length_penalty"]]),
        ) -> Tensors:
            raw = {self._source: raw_features.as_raw(features[name], spec)}
            source = self.assemble(self.transform(raw))["source"]
            asked = _first(beam, AS_CONFIGURED["beam"])
            width = tf.minimum(tf.where(asked >= 1, asked, settings.beam), WIDEST_BEAM)
            asked = _first(length_penalty, AS_CONFIGURED["length_penalty"])
            penalty = tf.where(asked >= 0, asked, settings.length_penalty)
            return self._shown(source, width, penalty)

        return translate

    def looked_at(self, texts: tf.Tensor) -> Tensors:
        """Return what `translate` answers for texts, string [B], by the search that is configured."""
        source = self.assemble({f"{self._source}_xf": texts})["source"]
        return self._shown(source, self._settings.beam, self._settings.length_penalty)

    def _shown(self, source: tf.Tensor, width: Any, penalty: Any) -> Tensors:
        """Translate ids [B, S] by beam search, and show the attention of each token."""
        memory = self.model.encode(source)
        found = self.search(memory, width, penalty)
        _, attention = self.model.decode(memory, before(found.tokens))
        known = tf.cast(found.tokens != PAD, tf.float32)[:, :, tf.newaxis]
        return {
            "translation": self._text(found.tokens),
            "log_likelihood": found.log_likelihood,
            "score": search.score(found.log_likelihood, found.length, penalty),
            "attention": attention * known,
            "source_tokens": tf.gather(self._names[0], source),
            "target_tokens": tf.gather(self._names[1], found.tokens),
        }

    def _text(self, tokens: tf.Tensor) -> tf.Tensor:
        return self.target_tokenizer.detokenize(tf.RaggedTensor.from_tensor(tokens, padding=PAD))


def save(module: TranslationModule, folder: str) -> None:
    """Write the SavedModel with all signatures."""
    export.save(module, folder, translate=module.translate())


def _first(values: tf.Tensor, otherwise: Any) -> tf.Tensor:
    return tf.concat([values, tf.constant([otherwise], values.dtype)], 0)[0]


def names(tokenizer: Tokenizer) -> list[str]:
    """The tokens of a tokenizer as people see them."""
    found = tokenizer.names()
    found[PAD], found[Tokenizer.END] = "", _END_NAME
    return found
