"""Where a JSON text goes wrong, in the words of RapidJSON, which parses TF Serving's requests."""

from __future__ import annotations

import re
from typing import NamedTuple

DEEPEST = 1024
"""Levels of nesting that a document may have; TF Serving's parser would exhaust its stack somewhere."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_INTEGER = re.compile(rb"0|[1-9][0-9]*")
_DIGITS = re.compile(rb"[0-9]+")
_WORDS = {0x6E: b"null", 0x74: b"true", 0x66: b"false"}

OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, CLOSE_OBJECT, QUOTE, COMMA, COLON = b'[{]}",:'


class SyntaxFault(NamedTuple):
    """What is wrong, and after how many bytes."""

    message: str
    offset: int


class _Wrong(Exception):
    def __init__(self, message: str, offset: int) -> None:
        self.fault = SyntaxFault(message, offset)


def find_fault(text: bytes) -> SyntaxFault | None:
    """The first fault of a JSON document, None when RapidJSON would take it (with NaN and Inf tokens).

    Reads without recursion, byte by byte in Python: for texts of up to some megabytes.
    """
    try:
        _document(text)
    except _Wrong as wrong:
        return wrong.fault
    return None


def _document(text: bytes) -> None:
    at = _skip(text, len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0)
    if _peek(text, at) == 0:
        raise _Wrong("The document is empty.", at)
    open_values: list[int] = []
    while True:
        opened = _peek(text, at)
        if opened in (OPEN_ARRAY, OPEN_OBJECT):
            if len(open_values) == DEEPEST:
                raise _Wrong(f"More than {DEEPEST} levels of nesting.", at)
            at = _skip(text, at + 1)
            if _peek(text, at) != (CLOSE_ARRAY if opened == OPEN_ARRAY else CLOSE_OBJECT):
                open_values.append(opened)
                at = _name(text, at) if opened == OPEN_OBJECT else at
                continue
            at += 1
        else:
            at = _scalar(text, at)
        at = _skip(text, at)
        while open_values and _peek(text, at) != COMMA:
            at = _close(text, at, open_values.pop())
        if not open_values:
            break
        at = _skip(text, at + 1)
        if open_values[-1] == OPEN_OBJECT:
            at = _name(text, at)
    if _peek(text, at) != 0:
        raise _Wrong("The document root must not be followed by other values.", at)


def _close(text: bytes, at: int, opened: int) -> int:
    """The end of an array or object, and what follows it."""
    if opened == OPEN_ARRAY and _peek(text, at) != CLOSE_ARRAY:
        raise _Wrong("Missing a comma or ']' after an array element.", at)
    if opened == OPEN_OBJECT and _peek(text, at) != CLOSE_OBJECT:
        raise _Wrong("Missing a comma or '}' after an object member.", at)
    return _skip(text, at + 1)


def _name(text: bytes, at: int) -> int:
    """The name of a member and its colon."""
    if _peek(text, at) != QUOTE:
        raise _Wrong("Missing a name for object member.", at)
    at = _skip(text, _string(text, at))
    if _peek(text, at) != COLON:
        raise _Wrong("Missing a colon after a name of object member.", at)
    return _skip(text, at + 1)


def _scalar(text: bytes, at: int) -> int:
    first = _peek(text, at)
    if first == QUOTE:
        return _string(text, at)
    if first in _WORDS:
        return _word(text, at, _WORDS[first])
    return _number(text, at)


def _word(text: bytes, at: int, word: bytes) -> int:
    for expected in word:
        if _peek(text, at) != expected:
            raise _Wrong("Invalid value.", at)
        at += 1
    return at


def _string(text: bytes, at: int) -> int:
    at += 1
    while True:
        at = _end(_PLAIN, text, at)
        byte = _peek(text, at)
        if byte == QUOTE:
            return at + 1
        if byte == 0:
            raise _Wrong("Missing a closing quotation mark in string.", at)
        if byte < 0x20:
            raise _Wrong("Invalid encoding in string.", at)
        at = _escape(text, at)


def _escape(text: bytes, start: int) -> int:
    if text[start + 1 : start + 2] != b"u":
        if text[start + 1 : start + 2] in (b'"', b"\\", b"/", b"b", b"f", b"n", b"r", b"t"):
            return start + 2
        raise _Wrong("Invalid escape character in string.", start)
    code = _hex(text, start + 2, start)
    if not 0xD800 <= code <= 0xDFFF:
        return start + 6
    if code > 0xDBFF or text[start + 6 : start + 8] != b"\\u":
        raise _Wrong("The surrogate pair in string is invalid.", start)
    if not 0xDC00 <= _hex(text, start + 8, start) <= 0xDFFF:
        raise _Wrong("The surrogate pair in string is invalid.", start)
    return start + 12


def _hex(text: bytes, at: int, start: int) -> int:
    digits = _HEX.match(text, at)
    if digits is None:
        raise _Wrong("Incorrect hex digit after \\u escape in string.", start)
    return int(digits.group(), 16)


def _number(text: bytes, start: int) -> int:
    at = start + 1 if _peek(text, start) == 0x2D else start
    if text[at : at + 1] == b"N":
        return _word(text, at, b"NaN")
    if text[at : at + 1] == b"I":
        at = _word(text, at, b"Inf")
        return _word(text, at, b"inity") if text[at : at + 1] == b"i" else at
    if _INTEGER.match(text, at) is None:
        raise _Wrong("Invalid value.", at)
    at = _end(_INTEGER, text, at)
    if text[at : at + 1] == b".":
        if _DIGITS.match(text, at + 1) is None:
            raise _Wrong("Miss fraction part in number.", at + 1)
        at = _end(_DIGITS, text, at + 1)
    if text[at : at + 1] in (b"e", b"E"):
        at += 2 if text[at + 1 : at + 2] in (b"+", b"-") else 1
        if _DIGITS.match(text, at) is None:
            raise _Wrong("Miss exponent in number.", at)
        at = _end(_DIGITS, text, at)
    if float(text[start:at]) in (float("inf"), float("-inf")):
        raise _Wrong("Number too big to be stored in double.", start)
    return at


def _peek(text: bytes, at: int) -> int:
    """The byte at an offset, 0 after the end."""
    return text[at] if at < len(text) else 0


def _skip(text: bytes, at: int) -> int:
    return _end(_SPACE, text, at)


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
