"""Large arrays of numbers out of a JSON text, read piece by piece.

One call of a JSON parser keeps all other threads of Python waiting, and its result takes several times
the text's memory. Arrays of megabytes are therefore cut out of the text and parsed some thousand numbers
at a time, straight into numpy.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import orjson

PIECE = 2**19
"""Bytes that are parsed at once, about: some milliseconds."""

SMALLEST = 2 * PIECE
"""Arrays of fewer bytes stay where they are."""

MOST_STRINGS = 10_000
"""Texts with more strings than this are not looked through."""

_MARK = f"numbers:{secrets.token_hex(16)}:"
_OPEN, _QUOTE = b'["'


class Irregular(ValueError):
    """The value is no tensor; why, says `serving.json_faults` of the whole document."""


class Numbers(NamedTuple):
    """An array that was left in its text: `text[start:end]`, from `[` to `]`."""

    text: bytes
    start: int
    end: int

    def __str__(self) -> str:
        return "[...]"

    def pieces(self) -> Iterator[list[Any] | Numbers]:
        """The array's elements, in lists of some of them; an element that is large itself comes as Numbers.

        Raises Irregular.
        """
        start = self.start + 1
        for end, alone in self._cuts():
            if start > self.start + 1:
                start = _after_blanks(self.text, start, end)
                if self.text[start : start + 1] != b",":
                    raise Irregular
                start += 1
            start = _after_blanks(self.text, start, end)
            if start == end or (alone and self.text[start] != _OPEN):
                raise Irregular
            if alone:
                yield Numbers(self.text, start, end)
            else:
                yield parsed(b"[%b]" % self.text[start:end])
            start = end
        if _after_blanks(self.text, start, self.end - 1) != self.end - 1:
            raise Irregular

    def _cuts(self) -> Iterator[tuple[int, bool]]:
        """Where elements end, at every piece or so, and whether a large element ends there that begins at the cut before."""
        last = self.start
        for begin, end, places, depths in _brackets(self.text, self.start, self.end):
            if not len(places):
                comma = self.text.rfind(b",", begin, end)
                if depths == 1 and comma > 0:
                    yield comma, False
                    last = comma
                continue
            ends = places[(depths == 1) & (places > self.start)]
            if len(ends):
                first, final = int(ends[0]) + 1, int(ends[-1]) + 1
                if first - last > 2 * PIECE:
                    yield first, True
                if final != first or first - last <= 2 * PIECE:
                    yield final, False
                last = final
        if last == self.start or _after_blanks(self.text, last, self.end - 1) != self.end - 1:
            yield self.end - 1, False


def take_out_numbers(text: bytes) -> tuple[bytes, dict[str, Numbers]] | None:
    """The text with a marking string in the place of each large array of numbers, and the arrays by mark.

    Only values of members are looked for. None when there are none.
    """
    if b"\\" in text:
        return None
    strings = _quotes(text)
    if not strings or len(strings) % 2:
        return None
    found: dict[str, Numbers] = {}
    kept = []
    done = 0
    gaps = zip(strings[1::2], [*strings[2::2], len(text)], strict=True)
    for gap_start, gap_end in gaps:
        start = text.find(b"[", gap_start, gap_end) if gap_end - gap_start > SMALLEST else -1
        if start < 0 or text[gap_start + 1 : start].strip() != b":":
            continue
        end = _end_of_array(text, start, gap_end)
        if end - start > SMALLEST:
            mark = f"{_MARK}{len(found)}"
            found[mark] = Numbers(text, start, end)
            kept += [text[done:start], orjson.dumps(mark)]
            done = end
    return (b"".join([*kept, text[done:]]), found) if found else None


def put_in(document: Any, found: dict[str, Numbers]) -> None:
    """Numbers for the marks among the values of objects, down to the members of a list's objects."""
    members: list[Any] = [document]
    for _ in range(3):
        inner: list[Any] = []
        for each in members:
            if type(each) is dict:
                for name, value in each.items():
                    if type(value) is str and value in found:
                        each[name] = found[value]
                inner += each.values()
            elif type(each) is list:
                inner += each
        members = [each for each in inner if type(each) in (dict, list)]


def parsed(text: bytes) -> list[Any]:
    """A list of the text. Raises Irregular."""
    try:
        values: list[Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Irregular from None
    return values


def _quotes(text: bytes) -> list[int] | None:
    places: list[int] = []
    numbers = np.frombuffer(text, np.uint8)
    for begin in range(0, len(text), PIECE):
        places += (np.flatnonzero(numbers[begin : begin + PIECE] == _QUOTE) + begin).tolist()
        if len(places) > MOST_STRINGS:
            return None
    return places


def _end_of_array(text: bytes, start: int, limit: int) -> int:
    """After the bracket that closes the one at `start`; `start` when there is none before the limit."""
    for _, _, places, depths in _brackets(text, start, limit):
        closing = np.flatnonzero(depths == 0) if len(places) else places
        if len(closing):
            return int(places[closing[0]]) + 1
    return start


def _brackets(text: bytes, start: int, end: int) -> Iterator[tuple[int, int, np.ndarray, Any]]:
    """Block by block: its begin and end, the brackets in it, and the depth after each (after all when there is none)."""
    numbers = np.frombuffer(text, np.uint8)
    depth = 0
    for begin in range(start, end, PIECE):
        block = numbers[begin : min(begin + PIECE, end)]
        places = np.flatnonzero((block | 6) == 0x5F)  # both brackets, and letters that no number has
        if not len(places):
            yield begin, begin + len(block), places, depth
            continue
        depths = depth + np.cumsum(np.where(block[places] == _OPEN, 1, -1))
        depth = int(depths[-1])
        yield begin, begin + len(block), places + begin, depths


def _after_blanks(text: bytes, start: int, end: int) -> int:
    while start < end and text[start] in b" \t\r\n":
        start += 1
    return start
