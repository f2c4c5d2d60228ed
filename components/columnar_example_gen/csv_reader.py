"""CSV files to Arrow tables in which every column is still text."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv

from common.errors import BadInput
from components.columnar_example_gen import diagnosis
from components.columnar_example_gen.options import ReaderOptions

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_bytes(path: str) -> tuple[bytes, str]:
    """(uncompressed content, sha256 of the file as it lies on disk). Raises BadInput for a broken .gz."""
    with open(path, "rb") as file:
        raw = file.read()
    digest = hashlib.sha256(raw).hexdigest()
    if path.lower().endswith(".gz"):
        try:
            raw = gzip.decompress(raw)
        except EOFError:
            raise BadInput(
                f"{path}: the gzip file is cut off after {len(raw)} bytes; copy it again"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadInput(
                f"{path}: not a readable gzip file ({error}); copy it again or rename it"
            ) from None
    return raw.removeprefix(_BYTE_ORDER_MARK), digest


def read_header(path: str, content: bytes, options: ReaderOptions) -> list[str]:
    """The column names. Raises BadInput when there are none, or an empty or a repeated one."""
    if not content.strip():
        raise BadInput(f"{path}: the file is empty; it needs a header line and rows")
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    try:
        names = next(row for row in csv.reader(text, delimiter=options.delimiter) if row)
    except UnicodeDecodeError:
        raise diagnosis.not_utf8(path, content) from None
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise BadInput(f"{path}:1: column {position} has an empty name; give every column a name")
    for position, name in enumerate(names):
        if name in names[:position]:
            raise BadInput(
                f"{path}:1: columns {names.index(name) + 1} and {position + 1} are both named {name!r}; rename one"
            )
    return names


def read_table(path: str, content: bytes, names: Sequence[str], options: ReaderOptions) -> pa.Table:
    """All rows as text columns, null where the value is missing, without the columns in `options.drop`.

    Raises BadInput naming the line for a row with too many or too few fields, a quote that is never closed, or
    bytes that are not UTF-8, and when there is no row at all.
    """
    kept = [name for name in names if name not in options.drop]
    try:
        table = pyarrow.csv.read_csv(
            pa.py_buffer(content),
            parse_options=pyarrow.csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in kept},
                include_columns=kept,
                null_values=["", *options.missing_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise diagnosis.unreadable(path, content, names, options, error) from None
    if content.count(b'"') % 2:
        diagnosis.check_quotes(path, content, options)
    if not table.num_rows:
        raise BadInput(f"{path}: there is a header but no row below it; add rows")
    return table
