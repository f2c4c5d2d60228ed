"""What every format is read as: batches of rows that know their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

BATCH_ROWS = 10_000
BATCH_CHARS = 4 << 20
FILE, ROW, DIGEST, SPLIT = "\x1ffile", "\x1frow", "\x1fdigest", "\x1fsplit"
"""Columns of a batch beside the features: where the row comes from, and hashes that make it equal to another."""


class Reader(Protocol):
    """A format: text, list of texts, integer or, where `types` says more once all is read, still text."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, with the columns FILE and ROW."""

    def place(self, file: int, row: int) -> str:
        """How the row is named in a message, from its columns FILE and ROW."""

    def types(self) -> Mapping[str, str]:
        """Column -> int, float, text or unknown, for columns that came as text and are to be converted."""


class Batcher:
    """Gathers rows into batches of a bounded size."""

    def __init__(self, schema: Mapping[str, pa.DataType], texts: Sequence[str]) -> None:
        self._schema = pa.schema({**schema, FILE: pa.int32(), ROW: pa.int64()})
        self._texts = texts
        self._rows: list[dict[str, Any]] = []
        self._chars = 0

    def add(self, file: int, row: int, values: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """Takes a row; gives a batch when there is one."""
        self._rows.append({**values, FILE: file, ROW: row})
        self._chars += sum(len(values[name] or "") for name in self._texts)
        if len(self._rows) >= BATCH_ROWS or self._chars >= BATCH_CHARS:
            yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Gives what is left."""
        if self._rows:
            yield pa.RecordBatch.from_pylist(self._rows, self._schema)
        self._rows, self._chars = [], 0
