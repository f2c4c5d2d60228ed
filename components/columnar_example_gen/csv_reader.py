"""CSV files to Arrow tables in which every column is still text."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from common.errors import BadInput
from components.columnar_example_gen import diagnosis
from components.columnar_example_gen.options import ReaderOptions

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HEADER_BLOCK = 1 << 16
_PARSE_BLOCK = 1 << 24


def read_bytes(path: str) -> tuple[bytes, str]:
    """(uncompressed content without byte order mark, sha256 of the file as it lies on disk).

    Raises BadInput for a broken .gz or .zst.
    """
    raw = Path(path).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    with _unpacking(path):
        with _opened(path, io.BytesIO(raw)) as file:
            content = file.read()
    return content.removeprefix(_BYTE_ORDER_MARK), digest


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The column names of a file, of which only the beginning is read. Raises BadInput as `read_header` does."""
    with _unpacking(path), open(path, "rb") as raw, _opened(path, raw) as file:
        head = b""
        while block := file.read(_HEADER_BLOCK):
            head += block
            if head.strip() and b"\n" in head and head.count(b'"') % 2 == 0:
                # A block may end within a character.
                head = head[: head.rindex(b"\n") + 1]
                break
    return read_header(path, head.removeprefix(_BYTE_ORDER_MARK), options)


def read_header(path: str, content: bytes, options: ReaderOptions) -> list[str]:
    """The column names. Raises BadInput when there are none, or an empty or a repeated one."""
    if not content or content.isspace():
        raise BadInput(f"{path}: the file is empty; it needs a header line and rows")
    try:
        names = next(row for row in diagnosis.csv_records(content, options) if row)
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
            read_options=pyarrow.csv.ReadOptions(block_size=_PARSE_BLOCK),
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


def _opened(path: str, raw: Any) -> Any:
    """The unpacked content of the open file `raw`."""
    if path.lower().endswith(".zst"):
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return gzip.open(raw) if path.lower().endswith(".gz") else raw


@contextmanager
def _unpacking(path: str) -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise BadInput(f"{path}: the gzip file is cut off; copy it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable gzip file ({error}); copy it again, or rename it") from None
    except OSError as error:
        if not path.lower().endswith(".zst"):
            raise
        what = "is cut off" if "runcated" in str(error) else "is no zstd file"
        raise BadInput(f"{path}: the .zst file {what}; copy it again, or rename it") from None
