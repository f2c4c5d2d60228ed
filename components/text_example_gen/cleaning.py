"""What every text goes through before it becomes an example: line ends, empty and over-long texts, what it is equal to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from common.errors import BadInput
from components.text_example_gen import content
from components.text_example_gen.options import TextOptions
from components.text_example_gen.rows import DIGEST, FILE, ROW, SPLIT, Reader

EMPTY, LONG, UNLABELLED, ROWS = "empty", "over-long", "unlabelled", "rows"
_BETWEEN = "\x1f"
"""Between texts that make one key; white space to Python, so that it is in none of them."""


@dataclasses.dataclass
class Tally:
    """How many rows there were, and how many of them were odd; where the first of each kind is, and what it holds."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    first: dict[str, tuple[int, int, Any]] = dataclasses.field(default_factory=dict)

    def add(self, kind: str, file: int, row: int, what: Any) -> None:
        """Counts a row that is odd in this way."""
        self.counts[kind] += 1
        self.first.setdefault(kind, (file, row, what))

    def check(self, reader: Reader, options: TextOptions) -> None:
        """Raises BadInput for rows without a label, and for odd texts that the options do not let pass."""
        if self.counts[UNLABELLED]:
            place, label, such = self._first(UNLABELLED, reader)
            raise BadInput(f"{place}: label {label} is missing{such}; give it a value or take the row out")
        if self.counts[EMPTY] and options.empty == "fail":
            place, name, such = self._first(EMPTY, reader)
            raise BadInput(
                f"{place}: {name} is empty{such}; give it text, or leave such texts out with data.empty: skip"
            )
        if self.counts[LONG] and options.on_long == "fail":
            place, (name, size), such = self._first(LONG, reader)
            raise BadInput(
                f"{place}: {name} has {size:,} characters, more than data.max_chars: {options.max_chars:,}{such}; raise"
                " data.max_chars, set data.on_long: cut or skip, or cut long texts into pieces with text: windows"
            )

    def _first(self, kind: str, reader: Reader) -> tuple[str, Any, str]:
        file, row, what = self.first[kind]
        count = self.counts[kind]
        return reader.place(file, row), what, f" ({count:,} such texts)" if count > 1 else ""


def normalised(text: str) -> str:
    """What makes texts equal: composed characters (NFC), one case, one space for any white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    else:
        text = text.lower()
    return " ".join(text.split())


def prepare(batch: pa.RecordBatch, options: TextOptions, tally: Tally) -> pa.RecordBatch:
    """The rows that are of use, with their texts cleaned, and the hashes DIGEST (equal texts) and SPLIT added.

    What is left out or cut is counted in `tally`.
    """
    changing = (*options.texts, options.label) if options.text == "conll" else options.texts
    columns = {name: batch.column(name).to_pylist() for name in (*changing, FILE, ROW)}
    groups = [batch.column(name).to_pylist() for name in options.group]
    labels = [
        (name, batch.column(name).is_null().to_pylist())
        for name in options.labels
        if name not in options.texts
    ]
    kept: list[int] = []
    digests: list[bytes] = []
    splits: list[bytes] = []
    for row in range(batch.num_rows):
        at = columns[FILE][row], columns[ROW][row]
        keys = _clean(columns, row, at, options, tally)
        for name, missing in labels:
            if missing[row]:
                tally.add(UNLABELLED, *at, name)
        if keys is None:
            continue
        kept.append(row)
        digest = hashlib.sha256(_BETWEEN.join(keys).encode()).digest()
        digests.append(digest)
        if groups:
            digest = hashlib.sha256(json.dumps([column[row] for column in groups]).encode()).digest()
        elif options.pairs:
            digest = hashlib.sha256(keys[0].encode()).digest()
        splits.append(digest)
    tally.counts[ROWS] += batch.num_rows
    cleaned = [
        pa.array(columns[name], field.type) if (name := field.name) in changing else batch.column(name)
        for field in batch.schema
    ]
    whole = pa.RecordBatch.from_arrays(cleaned, batch.schema.names).take(pa.array(kept, pa.int64()))
    hashes = [pa.array(digests, pa.binary()), pa.array(splits, pa.binary())]
    return pa.RecordBatch.from_arrays([*whole.columns, *hashes], [*whole.schema.names, DIGEST, SPLIT])


def _clean(
    columns: dict[str, list[Any]], row: int, at: tuple[int, int], options: TextOptions, tally: Tally
) -> list[str] | None:
    """Cleans the texts of a row in their columns; gives what makes them equal to others, or None to leave the row out."""
    keys = []
    for name in options.texts:
        value = columns[name][row]
        if isinstance(value, list):
            text = " ".join(value)
        else:
            text = columns[name][row] = content.unified(value or "")
        if len(text) > options.max_chars:
            tally.add(LONG, *at, (name, len(text)))
            if options.on_long != "cut":
                return None
            text = text[: options.max_chars]
            if isinstance(value, list):
                count = _whole_tokens(value, options.max_chars)
                columns[name][row], columns[options.label][row] = (
                    value[:count],
                    columns[options.label][row][:count],
                )
            else:
                columns[name][row] = text
        keys.append(normalised(text))
    if not (all(keys) if options.pairs else any(keys)):
        tally.add(EMPTY, *at, options.texts[keys.index("")])
        return None
    return keys


def _whole_tokens(tokens: Sequence[str], size: int) -> int:
    """How many tokens fit in, with a space between them; the first one always does."""
    length = -1
    for count, token in enumerate(tokens):
        length += 1 + len(token)
        if length > size:
            return max(1, count)
    return len(tokens)
