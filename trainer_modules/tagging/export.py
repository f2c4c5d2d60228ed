"""Export of a tagger: tokens and tf.Examples in, a tag for each token out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import export
from trainer_modules.tagging.tokens import Tokens

Tensors = dict[str, tf.Tensor]


class TaggerServingModule(export.ServingModule):
    """Owns the network, the transform graph, the vocabulary and the chain."""

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        label: str,
        tokens: Tokens,
        tags: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    ) -> None:
        super().__init__(model, transform, raw_spec, [label], lambda features: features, lambda scores: {})
        self.tokens = tokens
        self._tags = tags
        self._label_key = f"{label}_xf"

    def predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Tensors:
        """Answer `tags` string [B, T], "" behind the end of a sentence, for raw features."""
        column = f"{self.tokens.column}_xf"
        sentences = tf.RaggedTensor.from_sparse(self.transform(raw)[column])
        inputs = {
            name: _padded(sentences.with_flat_values(values))
            for name, values in self.tokens.of(sentences.flat_values).items()
        }
        lengths = tf.cast(sentences.row_lengths(), tf.int32)
        tags = self._tags(self.model(inputs, training=False), lengths)
        return {"tags": tf.where(tf.sequence_mask(lengths, tf.shape(tags)[1]), tags, "")}

    def serving_default(self) -> Any:
        """Signature on tokens, string [B, T]; "" behind the end of a shorter sentence."""
        name = self.tokens.column

        @tf.function(input_signature=[{name: tf.TensorSpec([None, None], tf.string, name=name)}])
        def serving_default(features: Tensors) -> Tensors:
            given = features[name]
            places = tf.range(1, tf.shape(given)[1] + 1)
            lengths = tf.reduce_max(tf.where(given != "", places[None], 0), axis=1)
            sentences = tf.RaggedTensor.from_tensor(given, lengths)
            tags = self.predict({name: sentences.to_sparse()})["tags"]
            behind = tf.maximum(tf.shape(given)[1] - tf.shape(tags)[1], 0)
            return {"tags": tf.concat([tags, tf.fill([tf.shape(given)[0], behind], "")], axis=1)}

        return serving_default

    def transform_features(self) -> Any:
        """Signature from serialized tf.Examples to the tags, string [B, T] with "" behind the end."""
        transform = super().transform_features()

        @tf.function(input_signature=[self._serialized()])
        def transform_features(examples: tf.Tensor) -> Tensors:
            return {self._label_key: tf.sparse.to_dense(transform(examples)[self._label_key], "")}

        return transform_features


def _padded(rows: tf.RaggedTensor) -> tf.Tensor:
    """Rows as a tensor whose second dimension is at least 1."""
    width = tf.maximum(rows.bounding_shape(axis=1), 1)
    inner = rows.flat_values.shape[1:].as_list()
    return rows.to_tensor(shape=tf.stack([-1, width, *(tf.constant(size, width.dtype) for size in inner)]))
