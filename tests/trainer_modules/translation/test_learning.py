"""Each network learns to say words backwards."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer_modules import sequence_to_sequence
from trainer_modules.common import fitting
from trainer_modules.sequence_to_sequence_config import Config
from trainer_modules.translation import search
from trainer_modules.translation.examples import Pairs, source_ids, target_ids

SIZE, LONGEST = 12, 8


def pairs(count: int, seed: int) -> Pairs:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(4, SIZE, rng.integers(1, 6)).tolist() for _ in range(count)]
    backwards = [row[::-1] for row in rows]
    texts = (tf.ragged.constant(side, dtype=tf.int32) for side in (rows, backwards))
    return Pairs(*texts, LONGEST, LONGEST)


RECURRENT = {"units": 32, "dropout": 0.0}
QUICK = {"learning_rate": 0.01}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "gru, dot": ({**RECURRENT, "attention": "dot"}, QUICK, 400),
    "gru, additive": ({**RECURRENT, "attention": "additive"}, QUICK, 400),
    "lstm, multiplicative": ({**RECURRENT, "cell": "lstm", "attention": "multiplicative"}, QUICK, 400),
    "transformer": (
        {"architecture": "transformer", "units": 32, "layers": 1, "feed_forward": 64, "dropout": 0.0},
        {"learning_rate": 0.006, "schedule": "noam", "warmup_steps": 100},
        1000,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_words_backwards(name: str) -> None:
    model_settings, training, count = NETWORKS[name]
    config = Config.model_validate({"model": model_settings, "training": training})
    keras.utils.set_random_seed(1)
    steps = fitting.Plan(count, 1, 100)
    model = sequence_to_sequence.compiled(config, SIZE, SIZE, steps)
    train, test = pairs(4000, 0), pairs(200, 1)
    batches = train.training_batches(64, 1)
    model.fit(batches, steps_per_epoch=steps.steps_per_epoch, shuffle=False, verbose=0)
    sources, targets = source_ids(test.sources, LONGEST), target_ids(test.targets, LONGEST)
    found = tf.function(lambda ids: search.greedy(model, model.encode(ids), LONGEST))(sources)
    tokens = np.zeros([200, LONGEST], np.int32)
    tokens[:, : found.tokens.shape[1]] = found.tokens
    expected = np.pad(targets, [(0, 0), (0, LONGEST - targets.shape[1])])
    assert np.mean((tokens == expected).all(axis=1)) > 0.95


def in_about_the_same_order(count: int, seed: int, size: int) -> Pairs:
    """Words of another language, each of which may change places with its neighbours."""
    rng = np.random.default_rng(seed)
    dictionary = np.random.default_rng(9).permutation(size)
    sources, targets = [], []
    for _ in range(count):
        words = rng.integers(0, size, rng.integers(10, 21))
        order = np.argsort(np.arange(len(words)) + rng.normal(0, 0.7, len(words)))
        sources.append((words + 4).tolist())
        targets.append((dictionary[words[order]] + 4).tolist())
    return Pairs(*(tf.ragged.constant(side, dtype=tf.int32) for side in (sources, targets)), 24, 24)


@pytest.mark.slow
def test_places_tell_the_attention_where_to_look() -> None:
    """Without them a network learns what the targets say before it finds the words that belong together."""
    size, reached = 400, {}
    train = in_about_the_same_order(20_000, 0, size)
    for positions in (True, False):
        settings = {"units": 64, "dropout": 0.0, "attention": "multiplicative", "positions": positions}
        config = Config.model_validate({"model": settings, "training": {"learning_rate": 0.003}})
        keras.utils.set_random_seed(1)
        model = sequence_to_sequence.compiled(config, size + 4, size + 4, fitting.Plan(400, 1, 100))
        model.fit(train.training_batches(64, 1), steps_per_epoch=400, shuffle=False, verbose=0)
        found = model.evaluate(in_about_the_same_order(200, 1, size).batches(64), verbose=0, return_dict=True)
        reached[positions] = found["loss"]
    assert reached[True] < reached[False] - 1
