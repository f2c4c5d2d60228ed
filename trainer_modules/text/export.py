"""Export of a text classifier: texts and tf.Examples in, the same answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import export
from trainer_modules.text.tokenizers import Tokenizer

Tensors = dict[str, tf.Tensor]


class TextServingModule(export.ServingModule):
    """Owns the network, the transform graph and the tokenizer."""

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        label: str,
        tokenizer: Tokenizer,
        assemble: Callable[[Tensors], tf.Tensor],
        outputs: Callable[[tf.Tensor], Tensors],
    ) -> None:
        super().__init__(model, transform, raw_spec, [label], assemble, outputs)
        self.tokenizer = tokenizer
        self._label_key = f"{label}_xf"

    def transform_features(self) -> Any:
        """Signature from serialized tf.Examples to the transformed label; the text stays as it is."""
        transform = super().transform_features()

        @tf.function(input_signature=[self._serialized()])
        def transform_features(examples: tf.Tensor) -> Tensors:
            return {self._label_key: transform(examples)[self._label_key]}

        return transform_features
