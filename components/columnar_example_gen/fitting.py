"""A column of a block as the type that the whole column is thought to have, and what the block says of that type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.columnar_example_gen import column_types
from components.columnar_example_gen.column_types import ARROW_TYPES, BadValue, Observation

Fitted = tuple[pa.ChunkedArray | None, Observation]
_NOT_A_NUMBER = f"{column_types.NOT_A_NUMBER} (NaN)"
_TOO_LARGE = "is infinite, or too large for a 32-bit float"


def fit_text(
    column: pa.ChunkedArray, kind: str, declared: str | None, missing_values: Sequence[str] = ()
) -> Fitted:
    """For a column of a format without types: text, or numbers where its reader could make them.

    kind: int, float, text or unknown; declared: the same as kind when it is not inferred. The column is None when it
    does not fit, and the observation then says why.
    """
    if not pa.types.is_string(column.type):
        valid, whole = len(column) - column.null_count, pa.types.is_integer(column.type)
        return column.cast(ARROW_TYPES[kind], safe=False), Observation(valid, valid, whole or not valid)
    if declared:
        found = column_types.convert(column, declared)
        valid = len(column) - column.null_count
        if isinstance(found, BadValue):
            return None, Observation(valid, wrong=found)
        return found, Observation(valid, valid)
    seen = column_types.observe(column)
    if kind == "unknown" and seen.valid:
        return None, seen
    found = column_types.convert(column, kind)
    return (None if isinstance(found, BadValue) else found), seen


def fit_typed(
    column: pa.ChunkedArray, kind: str, declared: str | None, missing_values: Sequence[str]
) -> Fitted:
    """The same for a column of a format with types: int64, uint64, float64, text or null."""
    column = _without_missing(column, missing_values)
    valid = len(column) - column.null_count
    own = _kind(column)
    if declared and own not in (declared, "unknown"):
        found = column_types.convert(column.cast(pa.string()), declared)
        if isinstance(found, BadValue):
            return None, Observation(valid, wrong=found)
        return found, Observation(valid, valid)
    wrong = _wrong(column)
    if wrong:
        return None, Observation(valid, wrong=wrong)
    if own == "text":
        seen = Observation(valid, texts=valid)
    else:
        seen = Observation(valid, valid, whole=own != "float")
    fits = own in (kind, "unknown") or (own, kind) == ("int", "float")
    if own == "unknown":
        column = pa.chunked_array([pa.nulls(len(column))])
    return (column.cast(ARROW_TYPES[kind], safe=False) if fits else None), seen


def _kind(column: pa.ChunkedArray) -> str:
    if column.null_count == len(column):
        return "unknown"
    if pa.types.is_string(column.type):
        return "text"
    return "float" if pa.types.is_floating(column.type) else "int"


def _without_missing(column: pa.ChunkedArray, missing_values: Sequence[str]) -> pa.ChunkedArray:
    """Null for the spellings of "no value": the empty text, those that are listed, and NaN if it is among them."""
    if pa.types.is_string(column.type):
        missing = pc.is_in(column, pa.array(["", *missing_values]))
    elif pa.types.is_floating(column.type) and any(value.lower() == "nan" for value in missing_values):
        missing = pc.fill_null(pc.is_nan(column), False)
    else:
        return column
    if not pc.any(missing).as_py():
        return column
    return column.take(pa.array(np.arange(len(column)), mask=missing.to_numpy()))


def _wrong(column: pa.ChunkedArray) -> BadValue | None:
    """The first number that no feature can hold."""
    if pa.types.is_uint64(column.type):
        limit = pa.scalar(2**63 - 1, pa.uint64())
        return _first(column, pc.greater(column, limit), column_types.TOO_LONG)
    if not pa.types.is_floating(column.type):
        return None
    return _first(column, pc.invert(pc.is_finite(column.cast(pa.float32(), safe=False))), "")


def _first(column: pa.ChunkedArray, mask: pa.ChunkedArray, reason: str) -> BadValue | None:
    row = pc.index(mask, True).as_py()
    if row < 0:
        return None
    value = column[row].as_py()
    return BadValue(row, str(value), reason or (_NOT_A_NUMBER if np.isnan(value) else _TOO_LARGE))
