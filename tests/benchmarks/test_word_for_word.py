"""The dictionary finds the words that belong together."""

from __future__ import annotations

import pytest

from benchmarks import word_for_word

PAIRS = [
    ("the house", "la casa"),
    ("the book", "el libro"),
    ("a book", "un libro"),
    ("a house", "una casa"),
    ("the red house", "la casa roja"),
    ("the red book.", "el libro rojo."),
]


def test_words_that_belong_together() -> None:
    words = word_for_word.dictionary(PAIRS, rounds=10)
    assert (words["house"], words["book"], words["."]) == ("casa", "libro", ".")
    assert "" not in words


def test_a_word_that_stands_alone_settles_the_others() -> None:
    words = word_for_word.dictionary([("house", "casa"), ("the house", "la casa"), ("the", "la")], rounds=2)
    assert words == {"house": "casa", "the": "la"}


def test_translation_keeps_order_and_unknown_words() -> None:
    words = {"the": "el", "book": "libro", "(": "("}
    assert word_for_word.translate("The book, (the) Gaius!", words) == "el libro, (el) Gaius!"
    assert word_for_word.translate("", words) == ""


def test_bleu_of_a_perfect_dictionary() -> None:
    pairs = [("one two three four five", "uno dos tres cuatro cinco")]
    words = {"one": "uno", "two": "dos", "three": "tres", "four": "cuatro", "five": "cinco"}
    assert word_for_word.bleu(pairs, words) == pytest.approx(100)
    assert word_for_word.bleu(pairs, {}) == 0
