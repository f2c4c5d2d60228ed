"""The network of a text classifier: token ids to logits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from trainer_modules.text import encoders
from trainer_modules.text.encoders.config import EncoderConfig

WIDTH = 64


def build(
    config: EncoderConfig,
    size: int,
    scores: int,
    vectors: np.ndarray | None = None,
    tune_vectors: bool = True,
) -> keras.Model:
    """Return the Functional model from `tokens` int32 [B, T], 0 behind the end, to logits float32 [B, scores].

    `size` is the number of ids; `vectors` float32 [size, E] are what the embedding begins with.
    """
    tokens = keras.Input([None], dtype="int32", name="tokens")
    real = ops.not_equal(tokens, 0)
    width = vectors.shape[1] if vectors is not None else config.embedding or WIDTH
    embedding = keras.layers.Embedding(size, width, trainable=tune_vectors, name="embedding")
    x = embedding(tokens)
    if vectors is not None:
        embedding.embeddings.assign(vectors)
    if config.embedding_dropout:
        x = keras.layers.SpatialDropout1D(config.embedding_dropout, name="embedding_dropout")(x)
    x = encoders.encode(config, x, real)
    if config.hidden:
        x = keras.layers.Dense(config.hidden, activation="relu", name="hidden")(x)
        x = keras.layers.Dropout(config.dropout, name="hidden_dropout")(x)
    logits: Any = keras.layers.Dense(scores, name="logits")(x)
    return keras.Model(tokens, logits, name=config.architecture)
