from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_modules.language import tiny
from trainer_modules.language import generation, likelihood
from trainer_modules.language.generation import Wish
from trainer_modules.language.network import LanguageNetwork

PROMPT = [[5, 6, 7], [], [8, 4, 9, 10, 5, 6, 4, 4, 8, 9, 5, 7]]


def wish(rows: int, length: Any, temperature: float = 1.0, top_k: int = 0, seed: int = 1) -> Wish:
    return Wish(
        tf.broadcast_to(tf.constant(length, tf.int32), [rows]),
        tf.fill([rows], temperature),
        tf.fill([rows], top_k),
        tf.range(rows) + seed,
    )


def make(model: LanguageNetwork, prompts: list[list[int]], asked: Wish, may_end: bool = False) -> Any:
    point = generation.begin(model, tf.ragged.constant(prompts, tf.int32, ragged_rank=1))
    return tf.function(generation.go_on)(model, point, asked, may_end)


def by_hand(model: LanguageNetwork, prompt: list[int], length: int) -> list[int]:
    """The most probable tokens, each from the whole network over all that came before."""
    made, whole = [2, *prompt], tf.function(model, input_signature=[tf.TensorSpec([1, None], tf.int32)])
    for _ in range(length):
        logits = whole(tf.constant([made])).numpy()[0, -1]
        made.append(4 + int(logits[4:].argmax()))
    return made[1 + len(prompt) :]


@pytest.mark.parametrize("name", tiny.QUICK_FIRST)
def test_greedy_takes_what_the_whole_network_finds_most_probable(name: str) -> None:
    model = tiny.network(name, max_tokens=64)
    expected = [by_hand(model, prompt, 10) for prompt in PROMPT]
    assert len({tuple(row) for row in expected}) == 3
    assert make(model, PROMPT, wish(3, 10, temperature=0.0)).tokens.to_list() == expected
    assert make(model, PROMPT, wish(3, 10, temperature=2.0, top_k=1)).tokens.to_list() == expected


@pytest.mark.parametrize("name", tiny.QUICK_FIRST)
def test_many_calls_make_what_one_makes(name: str) -> None:
    model = tiny.network(name)
    whole = make(model, PROMPT, wish(3, 23))
    go_on = tf.function(generation.go_on, reduce_retracing=True)
    point = generation.begin(model, tf.ragged.constant(PROMPT, tf.int32))
    tokens: list[list[int]] = [[], [], []]
    total = np.zeros(3)
    for length in (1, 5, 0, 9, 8):
        packed = model.packed(point.state)
        made = go_on(model, point._replace(state=model.unpacked(packed)), wish(3, length), may_end=False)
        point, total = made.point, total + made.log_likelihood.numpy()
        tokens = [before + new for before, new in zip(tokens, made.tokens.to_list(), strict=True)]
    assert tokens == whole.tokens.to_list()
    np.testing.assert_allclose(total, whole.log_likelihood, rtol=1e-5)
    assert point.place.numpy().tolist() == [23, 23, 23]


@pytest.mark.parametrize("name", tiny.QUICK_FIRST)
def test_the_likelihood_is_that_of_the_whole_text_without_that_of_the_prompt(name: str) -> None:
    model = tiny.network(name)
    made = make(model, PROMPT, wish(3, 19, temperature=1.5))

    def of(ids: Any) -> np.ndarray:
        return likelihood.log_likelihood(model, *likelihood.of_texts(ids, end=False)).numpy()

    prompts = tf.ragged.constant(PROMPT, tf.int32)
    expected = of(tf.concat([prompts, made.tokens], axis=1)) - of(prompts)
    np.testing.assert_allclose(made.log_likelihood, expected, rtol=1e-4)


@pytest.mark.parametrize("name", tiny.QUICK)
def test_rows_do_not_depend_on_each_other(name: str) -> None:
    model = tiny.network(name)
    asked = Wish(
        tf.constant([12, 0, 5]), tf.constant([1.0, 0.5, 0.0]), tf.constant([0, 2, 3]), tf.constant([9, 9, 9])
    )
    together = make(model, PROMPT, asked).tokens.to_list()
    assert [len(row) for row in together] == [12, 0, 5]
    for row, prompt in enumerate(PROMPT):
        own = Wish(*(values[row : row + 1] for values in asked))
        assert make(model, [prompt], own).tokens.to_list() == [together[row]]


def test_another_seed_makes_another_text() -> None:
    model = tiny.network("gru")
    first, again, other = (make(model, [[5]], wish(1, 20, seed=seed)).tokens.to_list() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_text_ends_where_it_may() -> None:
    model = tiny.network("gru")
    bias = model.scores.bias.numpy()
    bias[:4] = [30, 30, 30, 3]
    model.scores.bias.assign(bias)
    made = make(model, [[5]] * 40, wish(40, 12), may_end=True)
    lengths = [len(row) for row in made.tokens.to_list()]
    assert min(lengths) < 12
    for row, length in zip(made.tokens.to_list(), lengths, strict=True):
        assert not {0, 1, 2} & set(row)
        assert 3 not in row[:-1]
        assert length == 12 or row[-1] == 3
    more = generation.go_on(model, made.point, wish(40, 5), may_end=True).tokens.to_list()
    assert all(not new for new, row in zip(more, made.tokens.to_list(), strict=True) if row[-1] == 3)
    endless = make(model, [[5]] * 40, wish(40, 12)).tokens
    assert not {0, 1, 2, 3} & set(endless.flat_values.numpy().tolist())
