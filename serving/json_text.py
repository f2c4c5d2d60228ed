"""JSON values and numbers as TF Serving writes them into its messages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from serving.json_pieces import Numbers

LONGEST_VALUE = 1000
"""Characters of a JSON value that a message repeats; TF Serving repeats all of it."""

FLOAT_MAX = float(np.finfo(np.float32).max)

_TYPE_NAMES = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def type_name(value: Any) -> str:
    """The JSON type of a parsed value: `Null`, `True`, `False`, `Object`, `Array`, `String` or `Number`."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    return _TYPE_NAMES.get(type(value), "Array")


def value_text(value: Any) -> str:
    """A parsed value as JSON again, indented by four; cut after `LONGEST_VALUE` characters."""
    if isinstance(value, float):
        return decimal_text(value)
    text = ""
    try:
        for piece in _pieces(value, "\n"):
            text += piece
            if len(text) > LONGEST_VALUE:
                break
    except RecursionError:
        text += " " * LONGEST_VALUE
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE].rstrip()}..."
    return text.encode("utf-8", "replace").decode()


def _pieces(value: Any, line: str) -> Iterator[str]:
    """The value as JSON; `line` begins a line as deep as the value is."""
    if isinstance(value, str):
        yield json.dumps(value[: LONGEST_VALUE + 1], ensure_ascii=False)
    elif isinstance(value, Numbers):
        yield str(value)
    elif value and isinstance(value, (dict, list)):
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        inner = f"{line}    "
        for item in value:
            yield opening + inner
            opening = ","
            yield from _pieces(item, inner)
            if isinstance(value, dict):
                yield ": "
                yield from _pieces(value[item], inner)
        yield line + closing
    else:
        yield json.dumps(value)


def decimal_text(value: float) -> str:
    """A number with a fraction: six digits, or as many as bring it back (of a float where it fits into one)."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    single = abs(value) <= FLOAT_MAX
    if single:
        value = float(np.float32(value))
    text = f"{value:.6g}"
    again = float(np.float32(text)) if single else float(text)
    if again != value:
        text = f"{value:.9g}" if single else f"{value:.17g}"
    return text if "." in text or "e" in text else f"{text}.0"
