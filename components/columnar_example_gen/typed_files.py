"""Files that know their types: Parquet, and Arrow IPC (.arrow, .feather)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from common.errors import BadInput
from components.columnar_example_gen import fingerprint, inputs
from components.columnar_example_gen.options import ReaderOptions

TYPED = True
ROWS = 1 << 16


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The column names of a file. Raises BadInput for a file that is of another format."""
    with _opened(path) as file:
        names = (file.schema_arrow if _is_parquet(path) else file.schema).names
    for position, name in enumerate(names):
        if name in names[:position]:
            raise BadInput(
                f"{path}: columns {names.index(name) + 1} and {position + 1} are both named {name!r}; rename one"
            )
    if not names:
        raise BadInput(f"{path}: the file has no column; write it again")
    return names


def blocks(path: str, options: ReaderOptions, size: int = ROWS) -> Generator[pa.Table, None, str]:
    """The rows, at most `size` at once; returns the file's sha256. Raises BadInput for a file that is damaged."""
    wanted = [name for name in columns(path, options) if name not in options.drop]
    with _opened(path) as file:
        if _is_parquet(path):
            for batch in file.iter_batches(batch_size=size, columns=wanted, use_threads=False):
                yield pa.Table.from_batches([batch])
        else:
            for number in range(file.num_record_batches):
                batch = pa.Table.from_batches([file.get_batch(number)]).select(wanted)
                for start in range(0, batch.num_rows, size):
                    yield batch.slice(start, size)
    return fingerprint.sha256(path)


def parse(
    path: str,
    block: pa.Table,
    names: Sequence[str],
    kept: Sequence[str],
    kinds: Mapping[str, str],
    options: ReaderOptions,
    first: bool = True,
) -> pa.Table:
    """The columns in `kept` of a block as int64, float64, text or null.

    True and false become 1 and 0, dates and times ISO text. Raises BadInput for a column that is none of these.
    """
    return pa.table({name: plain(path, name, block.column(name)) for name in kept})


def plain(path: str, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as int64, uint64, float64, string or null. Raises BadInput for what is none of these."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_uint64(kind):
        return column
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")
    if pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            kind = "bytes that are not UTF-8 text"
    raise BadInput(
        f"{path}: column {name} holds {kind}; a column holds one number or text a row: take it apart, or list {name}"
        " under data.drop"
    )


def place(path: str, row: int, options: ReaderOptions) -> str:
    """How a row (from 0) is named in a message."""
    return f"{path}: row {row + 1}"


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(inputs.PARQUET)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    what = "Parquet" if _is_parquet(path) else "Arrow IPC"
    try:
        if _is_parquet(path):
            with pyarrow.parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
                yield file
        else:
            with pa.OSFile(path) as source:
                yield pa.ipc.open_file(source)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        said = " ".join(str(error).split())
        raise BadInput(f"{path}: not a readable {what} file ({said}); write it again, or rename it") from None
