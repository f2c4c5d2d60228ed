"""Results come in order, errors come through, and no more is done ahead than asked for."""

from __future__ import annotations

import time

import pytest

from components.image_example_gen.parallel import ordered_map


def test_results_are_in_order_whichever_is_done_first() -> None:
    def slow(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 2

    assert list(ordered_map(slow, range(30), workers=4, ahead=8)) == [2 * number for number in range(30)]
    assert list(ordered_map(slow, [], workers=2, ahead=2)) == []


def test_no_more_than_asked_for_is_done_ahead() -> None:
    begun: list[int] = []
    results = ordered_map(lambda number: begun.append(number), range(100), workers=2, ahead=5)
    for taken in range(1, 11):
        next(results)
        assert len(begun) <= taken + 5


def test_an_error_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(lambda number: 1 // number, [1, 0, 1], workers=2, ahead=2))
