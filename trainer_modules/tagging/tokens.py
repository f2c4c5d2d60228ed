"""Tokens as the network takes them: an id and the bytes of each, in the graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from trainer_modules.sequence_tagger_config import Config

PAD, UNK = 0, 1
RESERVED = ("[PAD]", "[UNK]")
Tensors = dict[str, tf.Tensor]


def normal(tokens: tf.Tensor, lowercase: bool) -> tf.Tensor:
    """Return the tokens, string of any shape, as they stand in the vocabulary."""
    return tf.strings.lower(tokens, encoding="utf-8") if lowercase else tokens


class Tokens(tf.Module):
    """The vocabulary as a table; keep it as an attribute of the module that is exported."""

    def __init__(self, config: Config, known: Sequence[bytes]) -> None:
        super().__init__()
        self._config = config
        self.column = config.features.tokens
        self.names = [*RESERVED, *(token.decode(errors="replace") for token in known)]
        ids = tf.range(len(RESERVED), len(self.names), dtype=tf.int32)
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(list(known), tf.string), ids), UNK
        )

    def of(self, tokens: tf.Tensor) -> Tensors:
        """Return `tokens` int32 [N], and where the model asks for them `characters` int32 [N, C], for string [N]."""
        found = {"tokens": self._ids.lookup(normal(tokens, self._config.features.lowercase))}
        characters = self._config.model.characters
        if characters is not None:
            codes = tf.io.decode_raw(tokens, tf.uint8, fixed_length=characters.longest)
            found["characters"] = tf.cast(codes, tf.int32)
        return found
