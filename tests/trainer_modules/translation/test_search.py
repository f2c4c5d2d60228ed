from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_modules.translation import tiny
from trainer_modules.translation import search
from trainer_modules.translation.examples import before
from trainer_modules.translation.translator import END, PAD, START, Translator

SAID = (4, 5, 6)
LIMIT = 4


class Table(Translator):
    """Says each next token with a probability that depends on the last token alone."""

    def __init__(self, probabilities: dict[int, dict[int, float]]) -> None:
        super().__init__()
        table = np.full([7, 7], 1e-6)
        for last, following in probabilities.items():
            for token, probability in following.items():
                table[last, token] = probability
        self.logits = tf.constant(np.log(table), tf.float32)

    def start(self, memory: tf.Tensor) -> list[tf.Tensor]:
        return []

    def step(self, memory: tf.Tensor, tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        return tf.gather(self.logits, tokens), state


# 4 is the likelier first word, but what begins with 5 is likelier as a whole; 6 leads to the longest sentence.
TABLE = Table(
    {
        START: {4: 0.5, 5: 0.3, 6: 0.2},
        4: {4: 0.4, END: 0.3, 5: 0.3},
        5: {END: 0.9, 6: 0.1},
        6: {6: 0.8, END: 0.2},
    }
)
ONE = tf.zeros([1, 1])


def greedy(model: Translator, source: list[list[int]], limit: int) -> search.Found:
    return tf.function(lambda ids: search.greedy(model, model.encode(ids), limit))(tf.constant(source))


def beam(model: Translator, source: list[list[int]], limit: int, *settings: float) -> search.Found:
    return tf.function(lambda ids: search.beam(model, model.encode(ids), limit, *settings))(
        tf.constant(source)
    )


def said(found: search.Found, row: int = 0) -> list[int]:
    return [token for token in found.tokens.numpy()[row].tolist() if token != PAD]


def test_greedy_takes_the_likeliest_word_and_ends_at_the_limit() -> None:
    found = search.greedy(TABLE, ONE, LIMIT)
    assert said(found) == [4, 4, 4, END]
    assert found.log_likelihood.numpy()[0] == pytest.approx(np.log(0.5 * 0.4 * 0.4 * 0.3), abs=1e-4)
    assert found.length.numpy()[0] == 4


def test_a_beam_finds_what_greedy_search_misses() -> None:
    found = search.beam(TABLE, ONE, LIMIT, 2)
    assert said(found) == [5, END]
    assert found.log_likelihood.numpy()[0] == pytest.approx(np.log(0.3 * 0.9), abs=1e-4)


def test_length_normalisation_by_hand() -> None:
    assert search.length_factor(1, 0.6).numpy() == pytest.approx(1.0)
    assert search.length_factor(7, 1.0).numpy() == pytest.approx(2.0)
    assert search.score(-6.0, 7, 1.0).numpy() == pytest.approx(-3.0)
    assert search.score(-6.0, 7, 0.0).numpy() == pytest.approx(-6.0)


def test_a_length_penalty_prefers_the_longer_translation() -> None:
    # log P: [5, END] -1.309; [6, 6, 6, 6, 6, END] with five 6 -4.111. lp(6) = 11/6, lp(2) = 7/6.
    # Scores: -1.309 / (7/6)**p against -4.111 / (11/6)**p; they meet at p = 2.53.
    short, long = [5, END], [6, 6, 6, 6, 6, END]
    assert said(search.beam(TABLE, ONE, 6, 40, 2.4)) == short
    assert said(search.beam(TABLE, ONE, 6, 40, 2.7)) == long


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_beam_of_one_is_greedy_search(kind: str) -> None:
    model = tiny.translator(kind)
    one, plain = beam(model, tiny.SOURCE, 9, 1, 0.6), greedy(model, tiny.SOURCE, 9)
    for row in range(3):
        assert said(one, row) == said(plain, row)
    np.testing.assert_allclose(one.log_likelihood, plain.log_likelihood, rtol=1e-5)


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_sentences(kind: str, penalty: float) -> None:
    model = tiny.translator(kind, seed=2)
    sentences = [[*words, END] for count in range(LIMIT) for words in itertools.product(SAID, repeat=count)]
    assert len(sentences) == 1 + 3 + 9 + 27
    target = tf.constant([words + [PAD] * (LIMIT - len(words)) for words in sentences])
    source = tf.constant(tiny.SOURCE)
    wide = beam(model, tiny.SOURCE, LIMIT, 60, penalty)
    for row in range(3):
        memory = model.encode(tf.repeat(source[row : row + 1], len(sentences), axis=0))
        logits, _ = model.decode(memory, before(target))
        likelihood, length = tiny.log_likelihood(logits, target)
        scores = (likelihood / ((5 + length) / 6) ** penalty).numpy()
        assert said(wide, row) == sentences[int(scores.argmax())]
        assert wide.log_likelihood.numpy()[row] == pytest.approx(
            likelihood.numpy()[scores.argmax()], rel=1e-4
        )


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_step_by_step_is_all_at_once(kind: str) -> None:
    model = tiny.translator(kind)
    found = beam(model, tiny.SOURCE, 9, 3, 0.6)
    memory = model.encode(tf.constant(tiny.SOURCE))
    logits, attention = model.decode(memory, before(found.tokens))
    likelihood, length = tiny.log_likelihood(logits, found.tokens)
    np.testing.assert_allclose(found.log_likelihood, likelihood, rtol=1e-5)
    np.testing.assert_array_equal(found.length, length)
    followed, tokens = search.follow(model, memory, found.tokens)
    np.testing.assert_allclose(followed, likelihood, rtol=1e-5)
    np.testing.assert_array_equal(tokens, length)
    np.testing.assert_allclose(tf.reduce_sum(attention, -1), np.ones(attention.shape[:2]), rtol=1e-5)
    assert (attention.numpy()[1, :, 2:] == 0).all()


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_padding_and_neighbours_change_nothing(kind: str) -> None:
    model = tiny.translator(kind)
    for find, settings in ((greedy, ()), (beam, (4, 0.6))):
        together, alone = find(model, tiny.SOURCE, 9, *settings), find(model, [[4, 3]], 9, *settings)
        assert said(together, 1) == said(alone)
        np.testing.assert_allclose(together.log_likelihood[1], alone.log_likelihood[0], rtol=1e-5)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_only_words_are_said_and_the_end_is_always_reached(kind: str) -> None:
    model = tiny.translator(kind, seed=3)
    for found in (greedy(model, tiny.SOURCE, 7), beam(model, tiny.SOURCE, 7, 5, 0.6)):
        for row in range(3):
            words = said(found, row)
            assert words[-1] == END
            assert set(words[:-1]) <= set(SAID)
            assert len(words) == found.length.numpy()[row] <= 7
