"""Raw features of serialized examples as columns that a person can read: numbers and texts, one value each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from tfx_bsl.coders import example_coder

LONGEST_TEXT = 2000
_CHUNK = 1000


def raw_columns(examples: Sequence[bytes]) -> dict[str, pa.Array]:
    """Feature -> int64, float32 or string [examples], null where it is missing; sorted by name.

    Left out are features with several values, and those that are no text in UTF-8, such as pictures. Texts end after
    LONGEST_TEXT characters.
    """
    columns: dict[str, list[Any]] = {}
    types: dict[str, pa.DataType] = {}
    left_out: set[str] = set()
    for start, batch in _batches(examples):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name in left_out or pa.types.is_null(column.type):
                continue
            types[name] = pa.string() if _is_text(column) else column.type.value_type
            values = _single(column)
            if values is None:
                left_out.add(name)
            else:
                known = columns.setdefault(name, [None] * len(examples))
                known[start : start + len(values)] = values
    return {name: pa.array(columns[name], types[name]) for name in sorted(columns) if name not in left_out}


def longest_text(examples: Sequence[bytes], besides: Sequence[str]) -> list[str | None]:
    """Of the features but `besides` the one with the longest texts; several values are joined by spaces."""
    texts: dict[str, list[str | None]] = {}
    for start, batch in _batches(examples):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in besides and _is_text(column):
                known = texts.setdefault(name, [None] * len(examples))
                joined = [None if values is None else b" ".join(values) for values in column.to_pylist()]
                known[start : start + len(joined)] = [None if one is None else text(one) for one in joined]
    if not texts:
        return [None] * len(examples)
    lengths = {name: sum(len(one or "") for one in values) for name, values in texts.items()}
    return texts[max(sorted(lengths), key=lambda name: lengths[name])]


def text(value: bytes) -> str:
    """The first LONGEST_TEXT characters."""
    return value.decode(errors="replace")[:LONGEST_TEXT]


def _batches(examples: Sequence[bytes]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(place of the first, batch) of some examples at a time: decoded pictures are held only as long."""
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    for start in range(0, len(examples), _CHUNK):
        yield start, decoder.DecodeBatch(list(examples[start : start + _CHUNK]))


def _is_text(column: pa.Array) -> bool:
    return not pa.types.is_null(column.type) and pa.types.is_large_binary(column.type.value_type)


def _single(column: pa.Array) -> list[Any] | None:
    """The only value of each row; None where a row has several, or a value is no text."""
    if max(column.value_lengths().fill_null(0).to_pylist(), default=0) > 1:
        return None
    values = [values[0] if values else None for values in column.to_pylist()]
    if not _is_text(column):
        return values
    try:
        return [None if value is None else value.decode()[:LONGEST_TEXT] for value in values]
    except UnicodeDecodeError:
        return None
