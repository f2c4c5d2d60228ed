"""The network of the tagger: tokens and their characters to a score for each tag of each token."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from trainer_modules.sequence_tagger_config import Characters, Model

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
CODES = 256
"""Characters are bytes of UTF-8, so that there is none that the model does not know; 0 is padding."""


def build(config: Model, size: int, tags: int) -> keras.Model:
    """Return the Functional model from `tokens` int32 [B, T] (0 where padded) to scores float32 [B, T, tags].

    With `config.characters` a second input `characters` int32 [B, T, C] holds the bytes of each token, 0 behind the
    last. Sources: G. Lample et al., "Neural architectures for named entity recognition" (2016); characters as in X. Ma,
    E. Hovy, "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF" (2016).
    """
    tokens = keras.Input([None], dtype="int32", name="tokens")
    inputs = {"tokens": tokens}
    real = ops.not_equal(tokens, 0)
    x = keras.layers.Embedding(size, config.embedding, name="embedding")(tokens)
    if config.characters is not None:
        characters = keras.Input([None, config.characters.longest], dtype="int32", name="characters")
        inputs["characters"] = characters
        x = keras.layers.Concatenate(name="token")([x, _spelling(config.characters, characters)])
    x = keras.layers.Dropout(config.dropout, name="token_dropout")(x)
    for number in range(1, config.layers + 1):
        layer = CELLS[config.cell](config.units, return_sequences=True, name=f"{config.cell}_{number}")
        if config.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"both_ways_{number}")
        x = layer(x, mask=real)
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
    return keras.Model(inputs, keras.layers.Dense(tags, name="scores")(x), name="sequence_tagger")


def _spelling(config: Characters, characters: Any) -> Any:
    """The strongest answer of each filter over the characters of a token, [B, T, filters]."""
    x = keras.layers.Embedding(CODES, config.embedding, name="character_embedding")(characters)
    # Padding answers zero, whatever the embedding of 0 has become.
    x = x * ops.cast(ops.not_equal(characters, 0), x.dtype)[..., None]
    x = keras.layers.Conv2D(
        config.filters, (1, config.width), padding="same", activation="relu", name="spelling"
    )(x)
    return ops.max(x, axis=2)
