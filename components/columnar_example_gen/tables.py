"""The input files of a run as blocks of rows, with one type per column over all of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen import column_types, csv_reader, diagnosis, fitting, formats
from components.columnar_example_gen.column_types import BadValue, Observation
from components.columnar_example_gen.names import unknown_column
from components.columnar_example_gen.options import ReaderOptions

Made = TypeVar("Made")
Use = Callable[["Block", pa.Table], Made]
Seen = Mapping[str, Observation]
_FIRST_LOOK = 1 << 20
_MOST_PASSES = 3


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows of one file (its number) as its reader gives them; number counts the blocks of all files."""

    file: int
    number: int
    first: bool
    data: Any


@dataclasses.dataclass(frozen=True)
class Piece(Generic[Made]):
    """What became of a block: its rows, what they say of the columns, and what was made of them.

    Nothing is made when the rows do not fit the types they were thought to have.
    """

    file: int
    rows: int
    seen: Seen
    made: Made | None


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file that was read: the split it was given for, its path, sha256 and bytes on disk, and rows."""

    split: str
    path: str
    sha256: str
    size: int
    rows: int


class Tables:
    """Input files (split -> paths), whose columns agree.

    kept: the columns that are not dropped, in the order of the first file. Raises BadInput for files without columns, or
    that disagree on them, and for options that name a column which is not there.
    """

    def __init__(self, files: Mapping[str, Sequence[str]], options: ReaderOptions) -> None:
        self.options = options
        self.splits = [split for split, paths in files.items() for _ in paths]
        self.paths = [path for paths in files.values() for path in paths]
        self._headers = [formats.reader(path).columns(path, options) for path in self.paths]
        first, header = self.paths[0], self._headers[0]
        check_columns(first, header, options)
        for path, names in zip(self.paths, self._headers, strict=True):
            if set(names) != set(header):
                raise differing(path, names, first, header)
        self.kept = [name for name in header if name not in options.drop]

    def blocks(self, digests: dict[int, str]) -> Iterator[Block]:
        """All rows in order; `digests` gets the sha256 of each file (its number) that was read."""
        number = 0
        for file, path in enumerate(self.paths):
            blocks = formats.reader(path).blocks(path, self.options)
            first = True
            while True:
                try:
                    data = next(blocks)
                except StopIteration as end:
                    digests[file] = end.value
                    break
                yield Block(file, number, first, data)
                number, first = number + 1, False

    def first_look(self) -> dict[str, str]:
        """The types of the columns as far as the first rows tell."""
        kinds: dict[str, str] = {}
        for name, seen in self.looked_at():
            kind = "text" if seen.texts else seen.kind()
            kinds[name] = kind if isinstance(kind, str) else "text"
        return {**dict.fromkeys(self.kept, "unknown"), **kinds, **self.options.types}

    def looked_at(self) -> list[tuple[str, Observation]]:
        """What the first rows say of each column."""
        path = self.paths[0]
        block = next(formats.reader(path).blocks(path, self.options, _FIRST_LOOK), None)
        return list(self.fit(Block(0, 0, True, block), {})[2].items()) if block is not None else []

    def fit(
        self, block: Block, kinds: Mapping[str, str]
    ) -> tuple[int, pa.Table | None, dict[str, Observation]]:
        """The rows of a block, and what they say of each column.

        Also the columns as int64, float32, string or null by `kinds`, if they all fit.
        """
        path, options = self.paths[block.file], self.options
        reader = formats.reader(path)
        table = reader.parse(
            path, block.data, self._headers[block.file], self.kept, kinds, options, block.first
        )
        columns: dict[str, pa.ChunkedArray | None] = {}
        seen: dict[str, Observation] = {}
        for name in self.kept:
            kind, declared = kinds.get(name, "unknown"), options.types.get(name)
            fit = fitting.fit_typed if reader.TYPED else fitting.fit_text
            columns[name], seen[name] = fit(
                table.column(name), declared or kind, declared, options.missing_values
            )
        fits = all(column is not None for column in columns.values())
        return table.num_rows, (pa.table(columns) if fits else None), seen

    def kinds(self, pieces: Sequence[Piece[Any]]) -> dict[str, str]:
        """The type of every column over all rows. Raises BadInput for a value that does not fit its column."""
        return {name: self._kind(name, pieces) for name in self.kept}

    def _kind(self, name: str, pieces: Sequence[Piece[Any]]) -> str:
        whole, rows = Observation(), 0
        files = [Observation() for _ in self.paths]
        for piece in pieces:
            whole = whole.merged(piece.seen[name], rows)
            files[piece.file] = files[piece.file].merged(piece.seen[name], 0)
            rows += piece.rows
        if whole.wrong:
            raise bad_value(self.place(whole.wrong.row, pieces), name, whole.wrong, self.options)
        if name in self.options.types:
            return self.options.types[name]
        if whole.texts:
            texts = next(file for file, seen in enumerate(files) if seen.texts)
            for file, seen in enumerate(files):
                rest = dataclasses.replace(seen, valid=seen.valid - seen.texts)
                if rest.kind() not in ("text", "unknown"):
                    raise BadInput(
                        f"{self.paths[file]}: column {name} holds numbers, and text in {self.paths[texts]}; give it one"
                        f" type, or declare data.types: {{{name}: text}}"
                    )
            return "text"
        kind = whole.kind()
        if isinstance(kind, BadValue):
            raise bad_value(self.place(kind.row, pieces), name, kind, self.options)
        return kind

    def place(self, row: int, pieces: Iterable[Piece[Any]]) -> str:
        """How a row, counted over all files, is named in a message: `file:line` where the file has lines."""
        counts = self.rows(pieces)
        for path, rows in zip(self.paths, counts, strict=True):
            if row < rows:
                return formats.reader(path).place(path, row, self.options)
            row -= rows
        raise IndexError(row)

    def rows(self, pieces: Iterable[Piece[Any]]) -> list[int]:
        """The rows of each file."""
        counts = [0] * len(self.paths)
        for piece in pieces:
            counts[piece.file] += piece.rows
        return counts


@dataclasses.dataclass
class Work(Generic[Made]):
    """What is done with each block in one pass; nothing more is made once a block did not fit the types."""

    tables: Tables
    kinds: Mapping[str, str]
    use: Use[Made]
    misfit: bool = False

    def __call__(self, block: Block) -> Piece[Made]:
        """Fits the block, and makes of it what is to be made."""
        rows, table, seen = self.tables.fit(block, self.kinds)
        self.misfit = self.misfit or table is None
        made = None if self.misfit or table is None else self.use(block, table)
        return Piece(block.file, rows, seen, made)


@dataclasses.dataclass(frozen=True)
class Read(Generic[Made]):
    """All files once they were read: the types, the pieces in order, and the files as they were."""

    tables: Tables
    kinds: Mapping[str, str]
    pieces: Sequence[Piece[Made]]
    files: Sequence[SourceFile]

    def place(self, row: int) -> str:
        """`file:line` of a row, counted over all files."""
        return self.tables.place(row, self.pieces)

    def made(self) -> list[Made]:
        """What was made of the blocks, in order."""
        return [piece.made for piece in self.pieces if piece.made is not None]


Spread = Callable[[Work[Made], dict[int, str]], Iterable[Piece[Made]]]


def read(tables: Tables, use: Use[Made], spread: Spread[Made]) -> Read[Made]:
    """Calls `use` with the typed rows of every block, wherever `spread` has that done.

    The types are those that the first rows have; where later rows say otherwise all is read once more.
    Raises BadInput, naming file, line and value, for anything in the files that is wrong.
    """
    kinds = tables.first_look()
    for _ in range(_MOST_PASSES):
        digests: dict[int, str] = {}
        pieces = list(spread(Work(tables, kinds, use), digests))
        rows = tables.rows(pieces)
        for path, count in zip(tables.paths, rows, strict=True):
            if not count:
                raise no_rows(path)
        found = tables.kinds(pieces)
        if found == kinds and all(piece.made is not None for piece in pieces):
            described = zip(tables.splits, tables.paths, rows, strict=True)
            files = [
                SourceFile(split, path, digests[number], os.path.getsize(path), count)
                for number, (split, path, count) in enumerate(described)
            ]
            return Read(tables, kinds, pieces, files)
        kinds = found
    raise BadInput(f"{tables.paths[0]}: the input files changed while the run was reading them; run again")


def no_rows(path: str) -> BadInput:
    """The error for a file in which there is no row."""
    if formats.reader(path) is csv_reader:
        return csv_reader.no_rows(path)
    return BadInput(f"{path}: there is no row in it; add rows")


def bad_value(where: str, name: str, bad: BadValue, options: ReaderOptions) -> BadInput:
    """The error for a value that does not fit its column."""
    declared = options.types.get(name)
    rule = f"declared {declared}" if declared else "otherwise numeric"
    other = "float or text" if bad.reason in (column_types.NOT_WHOLE, column_types.TOO_LONG) else "text"
    return BadInput(
        f"{where}: column {name} ({rule}): {diagnosis.shown(bad.value)} {bad.reason};"
        f" mend the row, list the value under data.missing_values, or declare data.types: {{{name}: {other}}}"
    )


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
