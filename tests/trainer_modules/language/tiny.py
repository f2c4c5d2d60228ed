"""Tiny networks with weights that make a difference, and tokens for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.language import decoder, recurrent
from trainer_modules.language.export import LanguageModule
from trainer_modules.language.network import LanguageNetwork
from trainer_modules.language_model_config import Features, Model
from trainer_modules.text.tokenizer_config import RESERVED
from trainer_modules.text.tokenizers import VocabularyTokenizer

SIZE = 11
SETTINGS: dict[str, dict[str, Any]] = {
    "gru": {"architecture": "gru", "units": 6, "layers": 2, "embedding": 3, "max_tokens": 8},
    "lstm": {"architecture": "lstm", "units": 6, "layers": 2, "max_tokens": 8},
    "transformer": {"architecture": "transformer", "units": 8, "heads": 2, "layers": 2, "max_tokens": 8},
    "sinusoidal": {
        "architecture": "transformer",
        "units": 8,
        "heads": 2,
        "feed_forward": 12,
        "positions": "sinusoidal",
        "max_tokens": 7,
    },
}

QUICK = ("gru", "transformer")
QUICK_FIRST = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS]


def network(name: str, **changes: Any) -> LanguageNetwork:
    """Return a network with weights so large that its choice changes from token to token."""
    keras.utils.set_random_seed(3)
    settings = Model.model_validate({**SETTINGS[name], **changes})
    module = decoder if settings.architecture == "transformer" else recurrent
    model: LanguageNetwork = module.from_config(SIZE, settings)
    model.make_weights()
    spread = np.random.default_rng(3)
    for weight in model.trainable_variables:
        if weight.ndim > 1:
            weight.assign(spread.normal(0, 1.5, weight.shape))
    return model


def tokens(rows: int, width: int, seed: int = 0) -> tf.Tensor:
    """Return ids int32 [rows, width], none of them reserved."""
    return tf.constant(np.random.default_rng(seed).integers(4, SIZE, (rows, width)), tf.int32)


class Unlearnt(LanguageModule):
    """A model of characters that was never trained, without a transform graph: it generates alone."""

    def __init__(self, name: str, characters: str) -> None:
        tf.Module.__init__(self)
        features = Features.model_validate({"tokenizer": {"kind": "characters"}})
        assert len(characters) == SIZE - RESERVED
        self.tokenizer = VocabularyTokenizer(features.tokenizer, [one.encode() for one in characters])
        model = network(name)
        self._variables = [variable.value for variable in model.variables]
        self._model = lambda: model
        self._features = features

    def save(self, folder: Path) -> None:
        """Write the SavedModel with the signatures that generate."""
        tf.saved_model.save(self, folder, {"generate": self.generate(), "continue": self.go_on()})
