"""Tables: the text columns batch by batch, the others by the rules of ColumnarExampleGen once all is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen import column_types, source, tables
from components.columnar_example_gen.names import unknown_column
from components.text_example_gen import csv_table, json_lines
from components.text_example_gen.options import TextOptions
from components.text_example_gen.rows import FILE, ROW

_KINDS = {arrow: kind for kind, arrow in column_types.ARROW_TYPES.items()}


class Table:
    """The rows of all files in order, every column as text; `types` says what the columns beside the texts are.

    Those columns are held, as a type is that of a whole column.
    """

    def __init__(self, files: Sequence[str], options: TextOptions) -> None:
        self._files, self._options = files, options
        self._readers = [_module(path) for path in files]
        self._headers = [
            reader.columns(path, options.table(path))
            for path, reader in zip(files, self._readers, strict=True)
        ]
        self._kept = _check(files, self._headers, options)
        self._rows = [0] * len(files)
        self._held: dict[str, list[pa.Array]] = {}
        self._are_texts: set[str] = set()

    def batches(self) -> Iterator[pa.RecordBatch]:
        held = [name for name in self._kept if name not in self._options.texts]
        self._held = {name: [] for name in held}
        for number, (path, reader) in enumerate(zip(self._files, self._readers, strict=True)):
            rows = 0
            for batch, are_texts in reader.batches(
                path, self._headers[number], self._kept, self._options.table(path)
            ):
                for name in held:
                    self._held[name].append(batch.column(name))
                self._are_texts |= are_texts
                columns = [batch.column(name) for name in self._kept]
                at = np.arange(rows, rows + batch.num_rows)
                yield pa.RecordBatch.from_arrays(
                    [*columns, pa.array(np.full(len(at), number, np.int32)), pa.array(at)],
                    [*self._kept, FILE, ROW],
                )
                rows += batch.num_rows
            self._rows[number] = rows
            if not rows:
                raise BadInput(f"{path}: there is no row in it; add rows")

    def place(self, file: int, row: int) -> str:
        path = self._files[file]
        return f"{path}:{self._readers[file].line_of(path, row, self._options.table(path))}"

    def types(self) -> Mapping[str, str]:
        """The types that ColumnarExampleGen gives these columns. Raises BadInput for a value that does not fit."""
        options = self._options.table(self._files[0])
        declared = {**dict.fromkeys(self._are_texts, "text"), **options.types}
        options = dataclasses.replace(options, types=declared)
        kinds = {}
        while self._held:
            name, pieces = self._held.popitem()
            column = pa.chunked_array(pieces, pa.string())
            kinds[name] = _KINDS[source.typed(name, column, options, self._locate).type]
        return kinds

    def _locate(self, row: int) -> str:
        for number, rows in enumerate(self._rows):
            if row < rows:
                return self.place(number, row)
            row -= rows
        raise IndexError(row)


def columns(path: str, options: TextOptions) -> list[str]:
    """The columns that the rows of a table get, for which only its beginning is read. Raises BadInput as the reader."""
    return _check([path], [_module(path).columns(path, options.table(path))], options)


def _module(path: str) -> ModuleType:
    return json_lines if path.lower().endswith(json_lines.SUFFIXES) else csv_table


def _check(files: Sequence[str], headers: Sequence[Sequence[str]], options: TextOptions) -> list[str]:
    """The columns that are kept, in the order of the first file."""
    path, header = files[0], headers[0]
    reader = options.table(path)
    for where, names in (("data.text_columns", options.texts), ("data.group", options.group)):
        for name in names:
            if name not in header:
                raise unknown_column(path, header, where, name, reader.delimiter)
    tables.check_columns(path, header, reader)
    for other, names in zip(files, headers, strict=True):
        if set(names) != set(header):
            raise tables.differing(other, names, path, header)
    return [name for name in header if name not in options.drop]
