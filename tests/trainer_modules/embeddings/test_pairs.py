"""Pairs against a loop over the words, one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from trainer_modules.embeddings import pairs
from trainer_modules.embeddings.pairs import Pairs

TEXTS = [[3, 1, 4, 1, 5], [9], [], [2, 6, 5, 3, 5, 8, 9, 7, 9]]
WORDS = np.array([word for text in TEXTS for word in text], np.int32)
NUMBERS = np.repeat(np.arange(len(TEXTS)), [len(text) for text in TEXTS])


class Fixed:
    """A generator of random numbers that gives what it was told."""

    def __init__(self, *given: list[float]) -> None:
        self._given = list(given)

    def random(self, size: int) -> np.ndarray:
        return np.array(self._given.pop(0)[:size])

    def integers(self, low: int, high: int, size: int) -> np.ndarray:
        found = np.array(self._given.pop(0)[:size])
        assert low <= found.min() <= found.max() < high
        return found


def counted(found: Pairs) -> Counter[tuple[int, int]]:
    result: Counter[tuple[int, int]] = Counter()
    for centre, context, weight in zip(*found, strict=True):
        result[int(centre), int(context)] += float(weight)
    return result


def naive(texts: list[list[int]], window: int, weight: bool = False) -> Counter[tuple[int, int]]:
    result: Counter[tuple[int, int]] = Counter()
    for text in texts:
        for place, centre in enumerate(text):
            for other, context in enumerate(text):
                distance = abs(place - other)
                if 0 < distance <= window:
                    result[centre, context] += 1 / distance if weight else 1
    return result


@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_neighbours_are_those_of_a_loop_over_the_words(window: int) -> None:
    found = pairs.neighbours(WORDS, NUMBERS, window)
    assert counted(found) == naive(TEXTS, window)
    assert (found.centres.dtype, found.contexts.dtype, found.weights.dtype) == (
        np.int32,
        np.int32,
        np.float32,
    )


@pytest.mark.parametrize("window", [1, 3])
def test_cooccurrences_count_less_with_the_distance_and_stand_there_once(window: int) -> None:
    found = pairs.cooccurrences(WORDS, NUMBERS, window)
    expected = naive(TEXTS, window, weight=True)
    assert counted(found) == pytest.approx(expected)
    assert len(found.centres) == len(expected)
    assert expected[1, 4] == 2.0
    assert window == 1 or expected[3, 4] == 0.5


def test_the_window_of_every_word_is_drawn_anew() -> None:
    words, texts = np.array([10, 11, 12, 13]), np.zeros(4, int)
    found = pairs.skip_grams(words, texts, 3, Fixed([1, 3, 1, 2]))  # type: ignore[arg-type]
    assert counted(found) == Counter(
        [(10, 11), (11, 10), (11, 12), (11, 13), (12, 11), (12, 13), (13, 12), (13, 11)]
    )
    assert set(found.weights.tolist()) == {1.0}


def test_words_left_out_make_others_neighbours() -> None:
    keep = np.ones(10)
    keep[[1, 5]] = 0.25
    drawn = [0.9, 0.2, 0.9, 0.3, 0.25, 0.9, 0.9, 0.9, 0.24, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9]
    words, texts = pairs.subsampled(WORDS, NUMBERS, keep, Fixed(drawn))  # type: ignore[arg-type]
    assert words.tolist() == [3, 1, 4, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]
    assert texts.tolist() == [0, 0, 0, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3]


def test_as_many_are_kept_as_the_probability_says() -> None:
    words = np.repeat([0, 1], 20_000)
    kept, _ = pairs.subsampled(words, words, np.array([0.3, 1.0]), np.random.default_rng(1))
    assert (kept == 1).sum() == 20_000
    assert (kept == 0).mean() == pytest.approx(0.3 / 1.3, abs=0.01)


def test_sums_keep_large_numbers_apart() -> None:
    large = 2**31 - 1
    given = Pairs(
        np.array([large, 0, large], np.int32),
        np.array([0, large, 0], np.int32),
        np.array([0.5, 1, 2], np.float32),
    )
    found = pairs.summed(given)
    assert [column.tolist() for column in found] == [[0, large], [large, 0], [1.0, 2.5]]
    assert counted(pairs.neighbours(WORDS[:0], NUMBERS[:0], 3)) == Counter()
