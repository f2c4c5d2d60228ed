"""CSV files: their columns, blocks of whole records, and Arrow columns of a block."""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from common.errors import BadInput
from components.columnar_example_gen import diagnosis, encodings
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.unpacked import Unpacked

BLOCK = 8 << 20
TYPED = False
"""Whether the format itself says which values are numbers."""
_HEADER_BLOCK = 1 << 16
_LONGEST_ROW = 1 << 28
_NUMBERS = {"int": pa.int64(), "float": pa.float64()}
_WHOLE_FLOATS = float(2**63)


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The column names of a file, of which only the beginning is read.

    Raises BadInput when there are none, or an empty or a repeated one, and for bytes that are no text.
    """
    head = b""
    with Unpacked(path) as file:
        while block := file.block(_HEADER_BLOCK):
            if not head:
                encodings.check_start(path, block)
            head += block
            if head.strip() and b"\n" in head and head.count(b'"') % 2 == 0:
                # A block may end within a character.
                head = head[: head.rindex(b"\n") + 1]
                break
    if not head or head.isspace():
        raise BadInput(f"{path}: the file is empty; it needs a header line and rows")
    try:
        names = next(row for row in diagnosis.csv_records(io.BytesIO(head), options) if row)
    except UnicodeDecodeError as error:
        raise diagnosis.not_utf8(path) or error from None
    for position, name in enumerate(names, start=1):
        if not name.strip():
            index = " (pandas writes its index so: use to_csv(..., index=False))" if position == 1 else ""
            raise BadInput(f"{path}:1: column {position} has an empty name; give every column a name{index}")
    for position, name in enumerate(names):
        if name in names[:position]:
            raise BadInput(
                f"{path}:1: columns {names.index(name) + 1} and {position + 1} are both named {name!r};"
                f" {'put a header line above the rows' if name.strip().isdigit() else 'rename one'}"
            )
    return names


def blocks(
    path: str, options: ReaderOptions, size: int = BLOCK, start: int = 0, end: int | None = None
) -> Generator[bytes, None, str]:
    """Pieces of about `size` bytes that end with a record, the first with the header; returns the file's sha256.

    start, end: the part of a plain file, from record to record. Raises BadInput for a quote that is never closed.
    """
    held, target, quotes = b"", size, 0
    with Unpacked(path, start) as file:
        left = end - start - file.skipped if end is not None else None
        while True:
            wanted = target - len(held) if left is None else min(target - len(held), left)
            more = file.block(wanted)
            left = left - len(more) if left is not None else None
            quotes += more.count(b'"')
            held = held + more if held else more
            if len(held) < target:
                break
            cut = boundary(held, options.delimiter)
            if cut:
                yield held[:cut]
                held, target = held[cut:], size
            elif target < _LONGEST_ROW:
                target *= 2
            else:
                diagnosis.check_quotes(path, options)
                raise BadInput(
                    f"{path}: a row has more than {_LONGEST_ROW >> 20} MB; look for a quote that is not closed"
                )
        if held:
            yield held
        if end is None and quotes % 2:
            diagnosis.check_quotes(path, options)
        return file.sha256() if end is None and not start else ""


def boundary(block: bytes, delimiter: str) -> int:
    """Where the last record that ends in this block ends, if the block begins with a record; 0 when none does.

    A line end within quotes ends no record. Quotes count in pairs as long as each pair encloses a field, which is
    looked at; else (a lone quote within a field is just a character) the fields are gone through one by one.
    """
    at = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(at == ord('"'))
    if len(quotes) and not _in_pairs(at, quotes, delimiter):
        quotes = _enclosing(block, delimiter)
    for newline in (b"\n", b"\r"):
        end = block.rfind(newline)
        while end >= 0 and np.searchsorted(quotes, end) % 2:
            end = block.rfind(newline, 0, end)
        if end >= 0:
            return end + 1
    return 0


def _in_pairs(at: np.ndarray, quotes: np.ndarray, delimiter: str) -> bool:
    """Whether every other quote opens a field, and the ones between close it or stand for a quote."""
    opening, closing = quotes[0::2], quotes[1::2]
    ends = np.frombuffer((delimiter + '"\r\n').encode(), np.uint8)
    before = at[opening[opening > 0] - 1]
    after = at[closing[closing < len(at) - 1] + 1]
    return bool(np.isin(before, ends).all() and np.isin(after, ends).all())


def _enclosing(block: bytes, delimiter: str) -> np.ndarray:
    """The places of the quotes that open and close a field, in turn."""
    field = re.compile(rb'(?<![^\r\n%s])"[^"]*(?:""[^"]*)*(?:"|\Z)' % re.escape(delimiter.encode()))
    spans = [match.span() for match in field.finditer(block)]
    return np.array([place for begin, end in spans for place in (begin, end - 1)], np.int64)


def parse(
    path: str,
    block: bytes,
    names: Sequence[str],
    kept: Sequence[str],
    kinds: Mapping[str, str],
    options: ReaderOptions,
    first: bool = True,
) -> pa.Table:
    """The columns in `kept` of a block: text, null where the value is missing.

    Columns of which `kinds` says int or float are int64 or float64 where the whole block allows it, else all are text.
    first: the block begins with the header. Raises BadInput naming the line for a row with too many or too few fields,
    a quote that is never closed, or bytes that are not UTF-8.
    """
    types = {name: _NUMBERS[kinds[name]] for name in kept if kinds.get(name) in _NUMBERS}
    if types and not _may_hold_hexadecimal(block):
        try:
            table = _parse(block, names, kept, types, options, first)
            floats = [table.column(name) for name, kind in types.items() if pa.types.is_floating(kind)]
            if all(map(_are_plain_floats, floats)):
                return table
        except pa.ArrowInvalid:
            pass
    try:
        return _parse(block, names, kept, {}, options, first)
    except pa.ArrowInvalid as error:
        raise diagnosis.unreadable(path, names, options, error) from None


def _parse(
    block: bytes,
    names: Sequence[str],
    kept: Sequence[str],
    types: Mapping[str, pa.DataType],
    options: ReaderOptions,
    first: bool,
) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.py_buffer(block),
        read_options=pyarrow.csv.ReadOptions(
            block_size=len(block) + 1, use_threads=False, column_names=None if first else list(names)
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: types.get(name, pa.string()) for name in kept},
            include_columns=list(kept),
            null_values=["", *options.missing_values],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _may_hold_hexadecimal(block: bytes) -> bool:
    """Whether 0x or 0X is in it: Arrow reads 0x1F as an integer; Python's int(), which stock goes by, does not."""
    at = np.frombuffer(block, np.uint8)
    found = np.flatnonzero((at | np.uint8(0x20)) == ord("x"))
    return bool((at[found[found > 0] - 1] == ord("0")).any())


def _are_plain_floats(column: pa.ChunkedArray) -> bool:
    """Whether all are finite as 32-bit floats, and none can be an integer beyond 64 bits."""
    largest = pc.max(pc.abs(column)).as_py()
    return largest is None or (largest < _WHOLE_FLOATS and not pc.any(pc.is_nan(column)).as_py())


def read_table(path: str, names: Sequence[str], options: ReaderOptions) -> pa.Table:
    """All rows of a file as text, without the columns in `options.drop`. Raises BadInput as `parse` does, and for no row."""
    kept = [name for name in names if name not in options.drop]
    pieces = enumerate(blocks(path, options))
    tables = [parse(path, block, names, kept, {}, options, number == 0) for number, block in pieces]
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise no_rows(path)
    return table


def no_rows(path: str) -> BadInput:
    """The error for a file with a header alone."""
    return BadInput(f"{path}: there is a header but no row below it; add rows")


def place(path: str, row: int, options: ReaderOptions) -> str:
    """`file:line` of a row (from 0)."""
    return f"{path}:{diagnosis.line_of(path, row, options)}"
