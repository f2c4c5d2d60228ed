from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer_modules.language import sampling

LOGITS = [9.0, 8.0, 7.0, 6.0, 1.0, 3.0, 2.0, -1.0]


def chosen(draw: float, temperature: float = 1.0, top_k: int = 0, may_end: bool = False) -> int:
    found = sampling.choose(
        tf.constant([LOGITS]),
        tf.constant([temperature]),
        tf.constant([top_k]),
        tf.constant([draw], tf.float32),
        may_end,
    )
    return int(found[0])


def shares(temperature: float, top_k: int, may_end: bool = False) -> np.ndarray:
    """How often each token comes for draws at equal distances."""
    count = 20_000
    draws = (np.arange(count) + 0.5) / count
    found = sampling.choose(
        tf.repeat(tf.constant([LOGITS]), count, axis=0),
        tf.fill([count], temperature),
        tf.fill([count], top_k),
        tf.constant(draws, tf.float32),
        may_end,
    )
    return np.bincount(found, minlength=len(LOGITS)) / count


def expected(temperature: float, top_k: int, silent: int = 4) -> np.ndarray:
    logits = np.where(np.arange(len(LOGITS)) < silent, -np.inf, LOGITS)
    if top_k:
        logits = np.where(logits >= np.sort(logits)[-top_k], logits, -np.inf)
    weights = np.exp(logits / temperature)
    return weights / weights.sum()


def test_tokens_come_as_often_as_they_are_probable() -> None:
    for temperature, top_k in ((1.0, 0), (0.5, 0), (2.0, 0), (1.0, 2), (3.0, 3), (1.0, 100)):
        wanted = expected(temperature, min(top_k, 4))
        np.testing.assert_allclose(shares(temperature, top_k), wanted, atol=1e-4)


def test_the_end_comes_only_where_it_may() -> None:
    assert shares(1.0, 0)[:4].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(shares(1.0, 0, may_end=True), expected(1.0, 0, silent=3), atol=1e-4)


def test_temperature_0_and_top_1_take_the_most_probable_token() -> None:
    for draw in (0.0, 0.5, 1 - 2**-24):
        assert chosen(draw, temperature=0.0) == 5
        assert chosen(draw, top_k=1) == 5
        assert chosen(draw, temperature=1e-20) == 5


def test_the_largest_draw_takes_the_last_of_those_that_are_left() -> None:
    assert chosen(1 - 2**-24) == 7
    assert chosen(1 - 2**-24, top_k=2) == 6
    assert chosen(1.0, top_k=3) == 4


def test_draws_depend_on_seed_and_place_alone() -> None:
    whole = sampling.draws(tf.constant([7, 8]), tf.constant([0, 3]), tf.constant(6)).numpy()
    part = sampling.draws(tf.constant([7]), tf.constant([4]), tf.constant(2)).numpy()
    np.testing.assert_array_equal(part[0], whole[0, 4:])
    assert whole.shape == (2, 6)
    assert np.unique(whole).size == 12
    many = sampling.draws(tf.constant([1]), tf.constant([0]), tf.constant(4000)).numpy()
    assert many.min() >= 0
    assert many.max() < 1
    np.testing.assert_allclose([many.mean(), many.std()], [0.5, 12**-0.5], atol=0.02)
