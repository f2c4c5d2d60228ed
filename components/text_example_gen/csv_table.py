"""CSV and TSV files in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, diagnosis
from components.columnar_example_gen.options import ReaderOptions
from components.text_example_gen.content import CheckedFile

_BLOCK = 1 << 23
"""Bytes that are parsed at once; no row may be longer."""
_AHEAD = 3


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The column names of a file, of which only the beginning is read. Raises BadInput when they are no use."""
    return csv_reader.columns(path, options)


def batches(
    path: str, header: Sequence[str], kept: Sequence[str], options: ReaderOptions
) -> Iterator[tuple[pa.RecordBatch, set[str]]]:
    """The columns in `kept` as text, null where the value is missing; the names of those that cannot be numbers: none.

    Raises BadInput naming the line for a row with too many or too few fields, a quote that is never closed, or bytes
    that are not UTF-8.
    """
    with CheckedFile(path, ahead=_AHEAD) as file:
        try:
            reader = pyarrow.csv.open_csv(
                file,
                read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK, use_threads=False),
                parse_options=pyarrow.csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(kept, pa.string()),
                    include_columns=list(kept),
                    null_values=["", *options.missing_values],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
            for batch in reader:
                file.taken()
                yield batch, set()
        except pa.ArrowInvalid as error:
            long = _long_row(path, header, options) if "straddling" in str(error) else None
            raise long or diagnosis.unreadable(path, header, options, error) from None
        if file.quotes % 2:
            diagnosis.check_quotes(path, options)


def _long_row(path: str, header: Sequence[str], options: ReaderOptions) -> BadInput | None:
    """The error for the first row that is too long to be parsed, if all before it are whole."""
    diagnosis.check_quotes(path, options)
    for line, fields in diagnosis.records(path, options):
        if len(fields) != len(header):
            return None
        size = sum(len(field.encode()) for field in fields)
        if size > _BLOCK // 2:
            return BadInput(
                f"{path}:{line}: the row has {size:,} bytes; of a CSV rows up to {_BLOCK:,} are read: cut the text into"
                " pieces, or write JSON lines (.jsonl)"
            )
    return None


def line_of(path: str, row: int, options: ReaderOptions) -> int:
    """The line on which a row (from 0) begins."""
    return diagnosis.line_of(path, row, options)
