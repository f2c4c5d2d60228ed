"""Witten-Bell by hand, and that a longer context helps where there is one."""

from __future__ import annotations

import pytest

from benchmarks.ngram import CharacterModel, held_out


def test_probabilities_by_hand() -> None:
    model = CharacterModel(["abab"], order=2)
    # uniform: a, b and one that was never seen; 4 characters of 2 kinds.
    single = (2 + 2 / 3) / (4 + 2)
    assert model.probability("", "a") == pytest.approx(single)
    # after a: always b, twice, one kind.
    assert model.probability("a", "b") == pytest.approx((2 + 1 * single) / (2 + 1))
    assert model.probability("xa", "b") == model.probability("a", "b")
    assert model.probability("x", "b") == model.probability("", "b"), (
        "a context that was never seen says nothing"
    )
    assert model.probability("", "?") == pytest.approx((2 / 3) / 6)


def test_probabilities_sum_to_one() -> None:
    model = CharacterModel(["the end of the beginning", "then"], order=4)
    characters = {*"the end of the beginning", "?"}
    for context in ("", "t", "the", "gin", "zzz"):
        assert sum(model.probability(context, one) for one in characters) == pytest.approx(1)


def test_perplexity() -> None:
    assert CharacterModel(["ab" * 500], order=1).perplexity(["ab" * 50]) == pytest.approx(2, abs=0.01)
    texts = ["In the beginning was the word.", "The word was with him in the beginning."] * 5
    by_order = [
        CharacterModel(texts, order).perplexity(["the word was in the beginning"]) for order in (1, 2, 3)
    ]
    assert by_order == sorted(by_order, reverse=True)


def test_a_chapter_is_in_one_part() -> None:
    chapters = [f"chapter {number}" for number in range(1000)]
    train, test = held_out([*chapters, *chapters])
    assert not set(train) & set(test)
    assert len(train) + len(test) == 2000
    assert 150 < len(test) < 250
