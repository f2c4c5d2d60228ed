"""The exact line of a mistake: rereads a CSV file with the `csv` module, once something is known to be wrong."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from common.errors import BadInput
from components.columnar_example_gen import encodings
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.unpacked import Unpacked

_LONGEST_VALUE = 60
_BLOCK = 1 << 20


def shown(value: str) -> str:
    """A value as it is quoted in a message."""
    return repr(value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "...")


def csv_records(content: io.RawIOBase | io.BytesIO, options: ReaderOptions, strict: bool = False) -> Any:
    """The `csv` module's reader over all records, the header too; fields may be of any length."""
    csv.field_size_limit(2**31 - 1)
    buffered = io.BufferedReader(content, _BLOCK) if isinstance(content, io.RawIOBase) else content
    text = io.TextIOWrapper(buffered, encoding="utf-8", newline="")
    return csv.reader(text, delimiter=options.delimiter, strict=strict)


def records(path: str, options: ReaderOptions) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of every record after the header; lines count from 1, empty ones hold no record."""
    with Unpacked(path) as content:
        reader = csv_records(content, options)
        start, header = 1, True
        for fields in reader:
            if fields and not header:
                yield start, fields
            header = header and not fields
            start = reader.line_num + 1


def line_of(path: str, row: int, options: ReaderOptions) -> int:
    """The line on which data row `row` (from 0) begins."""
    for position, (line, _) in enumerate(records(path, options)):
        if position == row:
            return line
    raise IndexError(row)


def not_utf8(path: str) -> BadInput | None:
    """The error for the first byte of a file that is not UTF-8, if there is one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with Unpacked(path) as content:
        while True:
            pending = decoder.getstate()[0]
            block = content.block(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                whole = pending + block
                line += whole.count(b"\n", 0, error.start)
                at = offset - len(pending) + error.start
                return encodings.not_utf8(path, line, at, whole[error.start :], whole)
            if not block:
                return None
            offset += len(block)
            line += block.count(b"\n")


def check_quotes(path: str, options: ReaderOptions) -> None:
    """Raises BadInput when the last quoted field is never closed."""
    with Unpacked(path) as content:
        reader = csv_records(content, options, strict=True)
        start = 1
        try:
            for _ in reader:
                start = reader.line_num + 1
        except csv.Error as error:
            if "end of data" in str(error):
                raise BadInput(f'{path}:{start}: a quote (") is opened and never closed; close it') from None


def unreadable(path: str, names: Sequence[str], options: ReaderOptions, error: Exception) -> BadInput:
    """The error for a file that Arrow could not parse."""
    if undecodable := not_utf8(path):
        return undecodable
    check_quotes(path, options)
    for line, fields in records(path, options):
        if len(fields) != len(names):
            kind = "many" if len(fields) > len(names) else "few"
            return BadInput(
                f"{path}:{line}: too {kind} fields: {len(fields)} for {len(names)} columns"
                f" ({shown(options.delimiter.join(fields))}); mend the row, or quote fields that hold a"
                f" {options.delimiter!r}"
            )
    return BadInput(f"{path}: cannot be read as CSV: {' '.join(str(error).split())}")
