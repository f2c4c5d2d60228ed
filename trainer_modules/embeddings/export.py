"""Export of word embeddings: the likelihood of texts, nearest neighbours, analogies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import example_requests, export
from trainer_modules.embeddings import held_out, similarity
from trainer_modules.embeddings.network import Embeddings
from trainer_modules.text.tokenizer_config import RESERVED
from trainer_modules.text.tokenizers import Tokenizer
from trainer_modules.word_embeddings_config import MOST_NEIGHBOURS, Config

Tensors = dict[str, tf.Tensor]
_EXAMPLES = 4


class EmbeddingsModule(export.ServingModule):
    """Owns the trained network, the vectors that are shown, the tokenizer and the transform graph.

    `vectors` float32 [V, D] have length 1 and may be debiased; likelihoods are those of the vectors as they were learnt.
    """

    def __init__(
        self,
        model: Embeddings,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        config: Config,
        tokenizer: Tokenizer,
        unigram: np.ndarray,
        vectors: np.ndarray,
    ) -> None:
        super().__init__(model, transform, raw_spec, [], self._ids, lambda found: found)
        self.tokenizer = tokenizer
        self._config = config
        self._names = tf.constant(tokenizer.names())
        self._unigram = tf.Variable(unigram, trainable=False, dtype=tf.float32)
        self._log_normalisers = tf.Variable(model.log_normalisers(), trainable=False)
        self.vectors = tf.Variable(vectors, trainable=False)

    def _ids(self, features: Tensors) -> Tensors:
        """Token ids int32 [B, None]."""
        return {"ids": self.tokenizer.tokenize(features[f"{self._config.features.column}_xf"])}

    def predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Tensors:
        """Answer what `held_out.likelihood` says, float32 [B] each."""
        model = self.model
        return held_out.likelihood(
            self.assemble(self.transform(raw))["ids"],
            model.words.value,
            model.contexts.value,
            model.scale.value,
            model.offsets(),
            self._log_normalisers,
            self._unigram,
            self._config.model.window,
        )

    def neighbours(self) -> Any:
        """Signature that answers the words nearest to others by the cosine of their vectors.

        Inputs: `words` string [B], in capitals or not as the tokenizer is set; `count` int32 [B] or [1]. Answers `words`
        string [B, K] and `similarity` float32 [B, K], best first, K being the largest count; behind a row's own count,
        and in the row of a word that has no vector, stand "" and 0.
        """
        inputs = {
            "words": tf.TensorSpec([None], tf.string, name="words"),
            "count": tf.TensorSpec([None], tf.int32, name="count"),
        }

        @tf.function(input_signature=[inputs])
        def neighbours(asked: Tensors) -> Tensors:
            words, known = self._numbers(asked["words"])
            count = tf.broadcast_to(asked["count"], tf.shape(words))
            tf.debugging.assert_non_negative(count, "count: must not be negative")
            tf.debugging.assert_less_equal(count, MOST_NEIGHBOURS, f"count: at most {MOST_NEIGHBOURS}")
            most = tf.reduce_max(tf.concat([count, [0]], axis=0))
            asked_vectors = tf.gather(self.vectors, words)
            found, cosines = similarity.nearest(self.vectors, asked_vectors, words[:, tf.newaxis], most)
            place = tf.range(tf.shape(found)[1])
            shown = known[:, tf.newaxis] & (place < count[:, tf.newaxis])
            return {
                "words": tf.where(shown, self._told(found), ""),
                "similarity": tf.where(shown, cosines, 0.0),
            }

        return neighbours

    def analogies(self) -> Any:
        """Signature that answers the word that is to c as b is to a.

        Inputs: `a`, `b`, `c` string [B]. Answers `d` string [B], none of the three, and its cosine `similarity` float32
        [B]; "" and 0 where one of the three has no vector.
        """
        inputs = {name: tf.TensorSpec([None], tf.string, name=name) for name in ("a", "b", "c")}

        @tf.function(input_signature=[inputs])
        def analogies(asked: Tensors) -> Tensors:
            numbers, known = zip(*(self._numbers(asked[name]) for name in ("a", "b", "c")), strict=True)
            found, cosines = similarity.analogy(self.vectors, *numbers)
            every = tf.reduce_all(tf.stack(known), axis=0)
            return {
                "d": tf.where(every, self._told(found), ""),
                "similarity": tf.where(every, cosines, 0.0),
            }

        return analogies

    def example_requests(self, signatures: Mapping[str, Any]) -> example_requests.Requests:
        """Ask for neighbours of the most frequent words, and of one without a vector, and for analogies among them."""
        frequent = [tf.constant([name]) for name in self.tokenizer.names()[RESERVED:][: _EXAMPLES + 2]]
        count = tf.constant([min(_EXAMPLES, self.vectors.shape[0] - 1)])
        return {
            "neighbours": [
                {"words": word, "count": count} for word in [*frequent[:_EXAMPLES], tf.constant([""])]
            ],
            "analogies": [
                dict(zip("abc", words, strict=True))
                for words in zip(frequent, frequent[1:], frequent[2:], strict=False)
                if self.vectors.shape[0] > len(words)
            ],
        }

    def _numbers(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Numbers int32 [B] of the words, and whether each has a vector; what is no single word has none."""
        ids = self.tokenizer.tokenize(words)
        first = ids[:, :1].to_tensor(Tokenizer.UNK, shape=[None, 1])[:, 0]
        known = (ids.row_lengths() == 1) & (first >= RESERVED)
        return tf.where(known, first - RESERVED, 0), known

    def _told(self, numbers: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._names, numbers + RESERVED)


def save(module: EmbeddingsModule, folder: str) -> None:
    """Write the SavedModel with all signatures."""
    export.save(module, folder, neighbours=module.neighbours(), analogies=module.analogies())
