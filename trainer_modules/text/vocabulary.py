"""The tokens that a model knows: counted by Transform over the train split, read back by the Trainer."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.text import splitting
from trainer_modules.text.tokenizer_config import RESERVED, Tokenizer

_NONE = b"49d0cd50-04bb-48c0-bc6f-5b575dce351a"
"""What Transform writes where there is no token at all."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and how often each occurs in the train split, the most frequent first."""

    tokens: list[bytes]
    counts: list[int]


def analyze(texts: tf.Tensor, config: Tokenizer, name: str) -> None:
    """Count the words or characters of texts [B] over the train split, in a preprocessing_fn.

    Transform keeps the counts as the vocabulary `name`. Subwords have none: they are learnt when training starts.
    """
    if config.kind == "subwords":
        return
    tft.vocabulary(
        splitting.tokens(texts, config),
        top_k=config.size - RESERVED,
        frequency_threshold=config.min_frequency,
        vocab_filename=name,
        store_frequency=True,
        # A text file cannot hold the newline, which is a character like others.
        file_format="tfrecord_gzip",
    )


def read(transform: tft.TFTransformOutput, name: str) -> Vocabulary:
    """Return the vocabulary that `analyze` counted; raises BadInput when it has no token."""
    counted = [line.split(b" ", 1) for line in transform.vocabulary_by_name(name)]
    known = [(token, int(count)) for count, token in counted if token != _NONE]
    if not known:
        raise BadInput(
            f"{name}: no token is frequent enough in the train split: "
            "lower trainer.features.tokenizer.min_frequency or add texts"
        )
    return Vocabulary([token for token, _ in known], [count for _, count in known])
