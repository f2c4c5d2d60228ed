"""All input files of a run as one typed table, with the way back from a row to its file and line."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen import column_types, csv_reader, diagnosis
from components.columnar_example_gen.column_types import BadValue
from components.columnar_example_gen.names import unknown_column
from components.columnar_example_gen.options import ReaderOptions


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file that was read: the split it was given for, its path, sha256 and bytes on disk, and rows."""

    split: str
    path: str
    sha256: str
    size: int
    rows: int


@dataclasses.dataclass(frozen=True)
class Source:
    """The rows of all files in reading order: typed columns, and the labels as they stood in the files."""

    table: pa.Table
    label_text: pa.Table
    files: Sequence[SourceFile]
    options: ReaderOptions

    def place(self, row: int) -> str:
        """`file:line` of a row of the table."""
        return place(self.files, row, self.options)


def read(files: Mapping[str, Sequence[str]], options: ReaderOptions) -> Source:
    """Reads the files of every split into one table, with one type per column over all of them.

    Raises BadInput, naming file, line and value, for anything in the files that is wrong.
    """
    text, read_files = read_text(files, options)
    label_text = text.select(options.labels)
    columns: dict[str, pa.ChunkedArray] = {}
    while text.num_columns:
        # One column after the other, so that text and numbers of all columns are not held at once.
        name = text.column_names[0]
        columns[name] = typed(name, text.column(0), options, lambda row: place(read_files, row, options))
        text = text.remove_column(0)
    return Source(pa.table(columns), label_text, read_files, options)


def read_text(
    files: Mapping[str, Sequence[str]], options: ReaderOptions
) -> tuple[pa.Table, list[SourceFile]]:
    """All rows with every column still text, null where the value is missing.

    Raises BadInput for files that are no CSV, or that disagree on their columns, and for options that name a
    column that is not there.
    """
    tables: list[pa.Table] = []
    read_files: list[SourceFile] = []
    header: list[str] = []
    for split, paths in files.items():
        for path in paths:
            content, digest = csv_reader.read_bytes(path)
            names = csv_reader.read_header(path, content, options)
            if not read_files:
                header = names
                check_columns(path, names, options)
            elif set(names) != set(header):
                raise differing(path, names, read_files[0].path, header)
            table = csv_reader.read_table(path, content, names, options)
            tables.append(table.select([name for name in header if name not in options.drop]))
            read_files.append(SourceFile(split, path, digest, os.path.getsize(path), table.num_rows))
    return pa.concat_tables(tables), read_files


def place(files: Sequence[SourceFile], row: int, options: ReaderOptions) -> str:
    """`file:line` of the row with this number among the rows of all files."""
    for file in files:
        if row < file.rows:
            content, _ = csv_reader.read_bytes(file.path)
            return f"{file.path}:{diagnosis.line_of(content, row, options)}"
        row -= file.rows
    raise IndexError(row)


def check_columns(path: str, names: Sequence[str], options: ReaderOptions) -> None:
    """Raises BadInput for options that name a column which is not among these."""
    wanted = [("the label", label) for label in options.labels]
    wanted += [("data.types", name) for name in options.types] + [
        ("data.drop", name) for name in options.drop
    ]
    for where, name in wanted:
        if name not in names:
            raise unknown_column(path, names, where, name, options.delimiter)


def differing(path: str, names: Sequence[str], first: str, header: Sequence[str]) -> BadInput:
    """The error for a file whose columns are not those of the first file."""
    missing = [name for name in header if name not in names]
    added = [name for name in names if name not in header]
    what = [f"has no column {', '.join(missing)}"] if missing else []
    what += [f"has a column {', '.join(added)}"] if added else []
    return BadInput(f"{path}:1: {' and '.join(what)}, unlike {first}; give the files the same columns")


def typed(
    name: str, column: pa.ChunkedArray, options: ReaderOptions, place: Callable[[int], str]
) -> pa.ChunkedArray:
    """A text column with the type that is declared or inferred; `place` gives `file:line` of one of its rows.

    Raises BadInput for a value that does not fit.
    """
    declared = options.types.get(name)
    kind = declared or column_types.infer(column)
    numbers = kind if isinstance(kind, BadValue) else column_types.convert(column, kind)
    if isinstance(numbers, BadValue):
        raise _bad_value(name, numbers, declared, place(numbers.row))
    return numbers


def _bad_value(name: str, bad: BadValue, declared: str | None, where: str) -> BadInput:
    rule = f"declared {declared}" if declared else "otherwise numeric"
    other = "float or text" if bad.reason in (column_types.NOT_WHOLE, column_types.TOO_LONG) else "text"
    return BadInput(
        f"{where}: column {name} ({rule}): {diagnosis.shown(bad.value)} {bad.reason};"
        f" mend the row, list the value under data.missing_values, or declare data.types: {{{name}: {other}}}"
    )
