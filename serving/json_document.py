"""A request's body -> Python values, taking and refusing what RapidJSON takes and refuses."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import Any

import orjson

from serving.errors import ServingError, invalid_argument
from serving.json_pieces import SMALLEST, put_in, take_out_numbers
from serving.json_syntax import BYTE_ORDER_MARK, SyntaxFault, find_fault
from serving.json_text import value_text

EXPLAINED_BYTES = 2**20
"""Up to this size a faulty document is read again to say what is wrong with it, which takes half a second."""

_KEYS = (b'"instances"', b'"inputs"', b'"signature_name"', b'"examples"', b'"context"')
_ODD_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-NaN|-?Inf(?:inity)?', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def parse_object(body: bytes, *, in_pieces: bool = False) -> dict[str, Any]:
    """The JSON object of a request.

    `in_pieces`: large arrays of numbers stay in their text, as `serving.json_pieces.Numbers`.
    `NaN`, `Inf`, `Infinity`, with a minus too, are numbers; bytes of a string that are not UTF-8 become
    surrogate escapes; whole numbers beyond 64 bits become floats; of several members of one name the
    first counts. Raises INVALID_ARGUMENT `JSON Parse error: ... at offset: N`.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    if in_pieces and len(body) > SMALLEST and (reduced := take_out_numbers(body)):
        with suppress(ServingError):
            document = parse_object(reduced[0])
            put_in(document, reduced[1])
            return document
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        document = _parse_leniently(body, error.pos)
    else:
        if any(body.count(key) > 1 for key in _KEYS):
            document = _parse_slowly(body)
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {value_text(document)} Is not object")
    return document


def _parse_leniently(body: bytes, offset: int) -> Any:
    """What orjson refuses at the offset and RapidJSON may take: odd numbers, bytes that are not UTF-8, a BOM."""
    fault = None
    if _SURROGATE.search(body) and _SURROGATE.search(_SURROGATE_PAIR.sub(b"", body)):
        fault = _fault(body, offset)  # Python's parser takes half a pair
    if fault is None:
        text = _ODD_TOKEN.sub(_usual_token, body) if b"Inf" in body or b"-NaN" in body else body
        try:
            return _parse_slowly(text)
        except (ValueError, RecursionError):
            fault = _fault(body, offset) or SyntaxFault("Invalid value.", offset)
    raise invalid_argument(f"JSON Parse error: {fault.message} at offset: {fault.offset}")


def _fault(body: bytes, offset: int) -> SyntaxFault | None:
    return find_fault(body) if len(body) <= EXPLAINED_BYTES else SyntaxFault("Invalid value.", offset)


def _parse_slowly(body: bytes) -> Any:
    text = body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    return json.loads(text, object_pairs_hook=_first_of_each, parse_int=_whole, parse_float=_decimal)


def _first_of_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        found.setdefault(name, value)
    return found


def _whole(digits: str) -> int | float:
    if len(digits) < 19:
        return int(digits)
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        return _decimal(digits)
    return int(digits)


def _decimal(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("Number too big to be stored in double.")
    return value


def _usual_token(match: re.Match[bytes]) -> bytes:
    """Tokens that Python's parser knows, for those that RapidJSON alone knows; strings stay."""
    token = match.group()
    if token.startswith(b'"'):
        return token
    if token == b"-NaN":
        return b"NaN"
    return b"-Infinity" if token.startswith(b"-") else b"Infinity"
