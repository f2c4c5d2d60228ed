"""JSON values and numbers as TF Serving writes them into its messages."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

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
        for piece in json.JSONEncoder(indent=4, ensure_ascii=False, default=str).iterencode(value):
            text += piece[: LONGEST_VALUE + 1]
            if len(text) > LONGEST_VALUE:
                break
    except RecursionError:
        text += " " * LONGEST_VALUE
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE].rstrip()}..."
    return text.encode("utf-8", "replace").decode()


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
