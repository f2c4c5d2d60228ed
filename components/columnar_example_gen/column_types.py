"""Types of whole columns (int, then float, then text) and the conversion to them.

The rule is that of TFX's CsvExampleGen (`tfx_bsl/coders/csv_decoder.py`), with one difference: a column that
is plainly numeric but for a few values is a mistake in the data and not a text column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PLAINLY_NUMERIC = 0.9
MISSING_SPELLINGS = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "missing"}
)
ARROW_TYPES = {"int": pa.int64(), "float": pa.float32(), "text": pa.string(), "unknown": pa.null()}
NOT_A_NUMBER, NOT_WHOLE, TOO_LONG = "is not a number", "is not a whole number", "is beyond 64 bits"
_INT64 = range(-(2**63), 2**63)
_NUMBER_LIKE = r"^\s*[-+]?\.?(\d|(?i:nan|inf))"


@dataclasses.dataclass(frozen=True)
class BadValue:
    """A value that does not fit its column: row in the table, the value, and why it does not fit."""

    row: int
    value: str
    reason: str


def infer(column: pa.ChunkedArray) -> str | BadValue:
    """int, float, text, or unknown when every value is missing; or the value that keeps it from being numeric."""
    if column.null_count == len(column):
        return "unknown"
    if _cast(column, pa.int64()) is not None:
        return "int"
    floats = _cast(column, pa.float32())
    # An integer beyond 64 bits is no float by stock's rule, but Arrow reads it as one.
    if floats is not None and pc.max(pc.abs(floats)).as_py() < _INT64.stop:
        return "float"
    return _infer_value_by_value(column)


def convert(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray | BadValue:
    """A text column as int64, float32, string or null; or the first value that is not of this type."""
    if kind == "text":
        return column
    target = ARROW_TYPES[kind]
    if kind == "unknown":
        return pa.chunked_array([pa.nulls(len(column))])
    fast = _cast(column, target)
    if fast is not None:
        return fast
    values, codes = _distinct(column)
    parse = _parse_int if kind == "int" else _parse_float
    parsed = [parse(value) for value in values]
    bad = [index for index, number in enumerate(parsed) if isinstance(number, str)]
    if bad:
        row, index = _first(codes, bad)
        return BadValue(row, values[index], str(parsed[index]))
    return pa.chunked_array([pa.array(parsed, target).take(codes)])


def _cast(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray | None:
    """The column as numbers, if every value is one by Arrow's rules and by Python's alike."""
    try:
        if target == pa.int64():
            numbers = column.cast(target)
            # Arrow reads 0x1F as an integer; Python's int(), which stock goes by, does not.
            return None if pc.any(pc.match_substring(column, "x", ignore_case=True)).as_py() else numbers
        numbers = column.cast(pa.float64()).cast(target, safe=False)
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else None


def _distinct(column: pa.ChunkedArray) -> tuple[list[str], pa.Array]:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.dictionary.to_pylist(), encoded.indices


def _first(codes: pa.Array, wanted: Sequence[int]) -> tuple[int, int]:
    """(row, code) of the first row whose code is wanted."""
    row = pc.index(pc.fill_null(pc.is_in(codes, pa.array(wanted, codes.type)), False), True).as_py()
    return row, codes[row].as_py()


def _parse_int(value: str) -> int | str:
    try:
        number = int(value.encode())
    except ValueError:
        parsed = _parse_float(value)
        return parsed if isinstance(parsed, str) else NOT_WHOLE
    return number if number in _INT64 else TOO_LONG


def _parse_float(value: str) -> float | str:
    try:
        number = float(value.encode())
    except ValueError:
        return NOT_A_NUMBER
    if np.isnan(number):
        return f"{NOT_A_NUMBER} (NaN)"
    with np.errstate(over="ignore"):
        return number if np.isfinite(np.float32(number)) else "is infinite, or too large for a 32-bit float"


def _infer_value_by_value(column: pa.ChunkedArray) -> str | BadValue:
    values, codes = _distinct(column)
    counts = np.bincount(codes.drop_null().to_numpy(), minlength=len(values))
    reasons: dict[int, str] = {}
    whole = True
    numeric = excused = 0
    number_like = pc.match_substring_regex(pa.array(values), _NUMBER_LIKE).to_pylist()
    for index, value in enumerate(values):
        number: float | str = NOT_A_NUMBER
        if number_like[index]:
            number = _parse_int(value)
        if number == NOT_WHOLE:
            whole, number = False, _parse_float(value)
        if isinstance(number, str):
            reasons[index] = number
            excused += counts[index] if value.strip().lower() in MISSING_SPELLINGS else 0
        else:
            numeric += counts[index]
    if not reasons:
        return "int" if whole else "float"
    if not numeric or numeric < PLAINLY_NUMERIC * (counts.sum() - excused):
        return "text"
    row, index = _first(codes, list(reasons))
    return BadValue(row, values[index], reasons[index])
