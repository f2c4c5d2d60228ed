"""JSON lines: an object a line, all with the same keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen.json_lines import parsed
from components.columnar_example_gen.options import ReaderOptions
from components.text_example_gen import content
from components.text_example_gen.rows import BATCH_CHARS, BATCH_ROWS

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The keys of the first object. Raises BadInput when there is none."""
    for _, row in _objects(path):
        if not row:
            raise BadInput(f"{path}:1: the first object is empty; give it the keys of the columns")
        return list(row)
    raise BadInput(f"{path}: the file is empty; it needs an object a line")


def batches(
    path: str, header: Sequence[str], kept: Sequence[str], options: ReaderOptions
) -> Iterator[tuple[pa.RecordBatch, set[str]]]:
    """The columns in `kept` as text, null where the value is missing; and the names of those with a JSON string.

    Raises BadInput naming the line for what is no object, for a key that the first object does not have, and for a list
    or an object as a value.
    """
    missing = {"", *options.missing_values}
    known, wanted = set(header), set(kept)
    found: dict[str, list[str | None]] = {name: [] for name in kept}
    strings: set[str] = set()
    rows = chars = 0
    for line, row in _objects(path):
        if not row.keys() <= known:
            raise _new_key(path, line, next(name for name in row if name not in known), header)
        for name in kept:
            value = row.get(name)
            if isinstance(value, str):
                strings.add(name)
                _check_surrogates(path, line, name, value)
                chars += len(value)
            text = _text(path, line, name, value)
            found[name].append(None if text in missing else text)
        rows += 1
        if rows >= BATCH_ROWS or chars >= BATCH_CHARS:
            yield _batch(found, kept), strings & wanted
            found = {name: [] for name in kept}
            rows = chars = 0
    if rows:
        yield _batch(found, kept), strings & wanted


def line_of(path: str, row: int, options: ReaderOptions) -> int:
    """The line of an object (from 0)."""
    for position, (line, _) in enumerate(_objects(path)):
        if position == row:
            return line
    raise IndexError(row)


def _batch(found: dict[str, list[str | None]], kept: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(found[name], pa.string()) for name in kept], list(kept))


def _objects(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(content.lines(path), start=1):
        if not line.strip():
            continue
        yield number, parsed(path, number, line)


def _text(path: str, line: int, name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise BadInput(
        f"{path}:{line}: {name} is {kind}; a column holds one text or number: take it apart, or list {name} under"
        " data.drop"
    )


def _new_key(path: str, line: int, name: str, header: Sequence[str]) -> BadInput:
    return BadInput(
        f"{path}:{line}: key {name!r} is not in the first object ({', '.join(header)}); give the first one all keys, with"
        " null where there is no value"
    )


def _check_surrogates(path: str, line: int, name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{path}:{line}: {name}: \\u{ord(value[error.start]):04x} is half of a surrogate pair; write both halves, or"
            " take it out"
        ) from None
