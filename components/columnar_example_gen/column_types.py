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
_FIRST_VALUES = 100
MISSING_SPELLINGS = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "missing"}
)
ARROW_TYPES = {"int": pa.int64(), "float": pa.float32(), "text": pa.string(), "unknown": pa.null()}
NOT_A_NUMBER, NOT_WHOLE, TOO_LONG = "is not a number", "is not a whole number", "is beyond 64 bits"
INT64 = range(-(2**63), 2**63)
_NUMBER_LIKE = r"^\s*[-+]?\.?(\d|(?i:nan|inf))"


@dataclasses.dataclass(frozen=True)
class BadValue:
    """A value that does not fit its column: row in the table, the value, and why it does not fit."""

    row: int
    value: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Observation:
    """What part of a column says of the type of the whole.

    valid: values that are there. numeric: how many are numbers; whole: whether all of these are integers. excused:
    how many spell "missing". texts: how many are texts by the format's own types. bad: the first value that keeps the
    column from being numeric. wrong: the first value that fits neither its declared type nor its format's.
    """

    valid: int = 0
    numeric: int = 0
    whole: bool = True
    excused: int = 0
    texts: int = 0
    bad: BadValue | None = None
    wrong: BadValue | None = None

    def merged(self, later: Observation, rows: int) -> Observation:
        """What this part and a later one say, which begins `rows` rows after this one."""
        return Observation(
            self.valid + later.valid,
            self.numeric + later.numeric,
            self.whole and later.whole,
            self.excused + later.excused,
            self.texts + later.texts,
            self.bad or _moved(later.bad, rows),
            self.wrong or _moved(later.wrong, rows),
        )

    def kind(self) -> str | BadValue:
        """int, float, text, or unknown when every value is missing; or the value that keeps it from being numeric."""
        if not self.valid:
            return "unknown"
        if self.bad is None:
            return "int" if self.whole else "float"
        if not self.numeric or self.numeric < PLAINLY_NUMERIC * (self.valid - self.excused):
            return "text"
        return self.bad


def _moved(value: BadValue | None, rows: int) -> BadValue | None:
    return value and dataclasses.replace(value, row=value.row + rows)


def infer(column: pa.ChunkedArray) -> str | BadValue:
    """int, float, text, or unknown when every value is missing; or the value that keeps it from being numeric."""
    return observe(column).kind()


def observe(column: pa.ChunkedArray) -> Observation:
    """What a text column says of its type."""
    valid = len(column) - column.null_count
    if not valid or _cast(column, pa.int64()) is not None:
        return Observation(valid, valid)
    floats = _cast(column, pa.float32())
    # Arrow reads +1, and an integer beyond 64 bits, as floats; by stock's rule one is an integer, the other no number.
    if pc.any(pc.starts_with(column, "+")).as_py():
        floats = None
    if floats is not None and pc.max(pc.abs(floats)).as_py() < INT64.stop:
        return Observation(valid, valid, whole=False)
    return _observe_value_by_value(column, valid)


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
    distinct, codes = _distinct(column)
    values = distinct.to_pylist()
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
        # For a text Arrow makes an error message for every value.
        column.slice(0, _FIRST_VALUES).cast(pa.float64())
        if target == pa.int64():
            numbers = column.cast(target)
            # Arrow reads 0x1F as an integer; Python's int(), which stock goes by, does not.
            return None if pc.any(pc.match_substring(column, "x", ignore_case=True)).as_py() else numbers
        numbers = column.cast(pa.float64()).cast(target, safe=False)
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else None


def _distinct(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.dictionary, encoded.indices


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
    return number if number in INT64 else TOO_LONG


def _parse_float(value: str) -> float | str:
    try:
        number = float(value.encode())
    except ValueError:
        return NOT_A_NUMBER
    if np.isnan(number):
        return f"{NOT_A_NUMBER} (NaN)"
    with np.errstate(over="ignore"):
        return number if np.isfinite(np.float32(number)) else "is infinite, or too large for a 32-bit float"


def _observe_value_by_value(column: pa.ChunkedArray, valid: int) -> Observation:
    values, codes = _distinct(column)
    counts = np.bincount(codes.drop_null().to_numpy(), minlength=len(values))
    number_like = pc.match_substring_regex(values, _NUMBER_LIKE).to_numpy(zero_copy_only=False)
    bad, whole = ~number_like, True
    reasons: dict[int, str] = {}
    for index in np.flatnonzero(number_like).tolist():
        value = values[index].as_py()
        number: float | str = _parse_int(value)
        if number == NOT_WHOLE:
            whole, number = False, _parse_float(value)
        if isinstance(number, str):
            bad[index], reasons[index] = True, number
    spelled = pc.utf8_lower(pc.utf8_trim_whitespace(values))
    missing = pc.is_in(spelled, pa.array(sorted(MISSING_SPELLINGS))).to_numpy(zero_copy_only=False)
    first = None
    if bad.any():
        row, index = _first(codes, np.flatnonzero(bad).tolist())
        first = BadValue(row, values[index].as_py(), reasons.get(index, NOT_A_NUMBER))
    numeric, excused = int(counts[~bad].sum()), int(counts[bad & missing].sum())
    return Observation(valid, numeric, whole, excused, bad=first)
