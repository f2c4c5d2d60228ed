"""All input files of a run as one table in memory, for those that look at it as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from components.columnar_example_gen import column_types, here, tables
from components.columnar_example_gen.column_types import BadValue
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.tables import Tables


def read(files: Mapping[str, Sequence[str]], options: ReaderOptions) -> pa.Table:
    """The rows of the files of every split in one table, with one type per column over all of them.

    Raises BadInput, naming file, line and value, for anything in the files that is wrong.
    """
    found = tables.read(Tables(files, options), lambda block, table: table, here.pieces)
    return pa.concat_tables(found.made())


def read_text(files: Mapping[str, Sequence[str]], options: ReaderOptions) -> pa.Table:
    """All rows with every column as text, null where the value is missing. Raises BadInput as `read` does."""
    kept = Tables(files, options).kept
    return read(files, dataclasses.replace(options, types=dict.fromkeys(kept, "text")))


def texts(files: Mapping[str, Sequence[str]], options: ReaderOptions) -> set[str]:
    """The columns that are text because the format says so, as far as the first rows tell."""
    return {name for name, seen in Tables(files, options).looked_at() if seen.texts}


def typed(
    name: str, column: pa.ChunkedArray, options: ReaderOptions, place: Callable[[int], str]
) -> pa.ChunkedArray:
    """A text column with the type that is declared or inferred; `place` gives `file:line` of one of its rows.

    Raises BadInput for a value that does not fit.
    """
    kind = options.types.get(name) or column_types.infer(column)
    numbers = kind if isinstance(kind, BadValue) else column_types.convert(column, kind)
    if isinstance(numbers, BadValue):
        raise tables.bad_value(place(numbers.row), name, numbers, options)
    return numbers
