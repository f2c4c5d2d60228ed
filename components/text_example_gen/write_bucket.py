"""One bucket: duplicates out, a split for every row, a shard of each split written, and what there is to tell of it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pickle
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.columnar_example_gen import column_types, encoder, splits
from components.columnar_example_gen.writer import shard_name
from components.text_example_gen import spill
from components.text_example_gen.options import TextOptions
from components.text_example_gen.rows import DIGEST, FILE, ROW, SPLIT
from components.text_example_gen.words import Measures, measure

_ROWS_AT_ONCE = 5000
_TOLD = 5
Place = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the buckets lie (`spilled`) and how many there are, where shards go (`folders`) and outcomes.

    shares: split -> its share. types: column -> type, for columns that came as text.
    """

    spilled: str
    count: int
    folders: Mapping[str, str]
    outcomes: str
    shares: Mapping[str, int]
    types: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the rows of a bucket.

    rows: split -> examples. files: rows of each input file. duplicates: rows that are equal to an earlier one.
    contradicting: rows whose equals have another label. contradictions: some of them, with their labels. labels:
    (label, value, split) -> rows, and the place of the first. measures: text column -> split -> lengths and words.
    """

    rows: Counter[str]
    files: Counter[int]
    duplicates: int
    contradicting: int
    contradictions: list[list[tuple[Place, str]]]
    labels: Counter[tuple[str, str, str]]
    first: Mapping[tuple[str, str, str], Place]
    measures: Mapping[str, Mapping[str, Measures]]


def write(bucket: int, options: TextOptions, target: Target) -> None:
    """Writes the shard of this bucket in each split, and its outcome."""
    rows = spill.read(target.spilled, bucket)
    names = list(target.shares)
    for folder in target.folders.values():
        tf.io.gfile.makedirs(folder)
    duplicates = contradicting = 0
    contradictions: list[list[tuple[Place, str]]] = []
    assigned = np.zeros(0, np.int64)
    if rows is not None:
        keep, duplicates, contradicting, contradictions = _unequal(rows, options)
        rows = rows.take(pa.array(keep))
        digests = b"".join(rows.column(SPLIT).to_pylist())
        assigned = splits.assign(np.frombuffer(digests, ">u4").reshape(-1, 8), list(target.shares.values()))
    of_split = {
        name: None if rows is None else rows.take(np.flatnonzero(assigned == number))
        for number, name in enumerate(names)
    }
    for name, table in of_split.items():
        _write_shard(
            os.path.join(target.folders[name], shard_name(bucket, target.count)), table, target.types
        )
    labels, first = _labels(of_split, options)
    outcome = Outcome(
        rows=Counter({name: table.num_rows for name, table in of_split.items() if table is not None}),
        files=Counter([] if rows is None else rows.column(FILE).to_pylist()),
        duplicates=duplicates,
        contradicting=contradicting,
        contradictions=contradictions,
        labels=labels,
        first=first,
        measures={
            text: {
                name: measure(_values(table, text)) for name, table in of_split.items() if table is not None
            }
            for text in options.texts
        },
    )
    tf.io.gfile.makedirs(target.outcomes)
    with tf.io.gfile.GFile(_path(target.outcomes, bucket), "wb") as file:
        file.write(pickle.dumps(outcome))


def outcome(folder: str, bucket: int) -> Outcome:
    """The outcome of a bucket that was written."""
    with tf.io.gfile.GFile(_path(folder, bucket), "rb") as file:
        return pickle.loads(file.read())


def _path(folder: str, bucket: int) -> str:
    return os.path.join(folder, f"{bucket:05d}.pickle")


def _unequal(
    rows: pa.Table, options: TextOptions
) -> tuple[np.ndarray, int, int, list[list[tuple[Place, str]]]]:
    """(rows to keep, duplicates, rows with contradicting labels, some of these)."""
    labels = list(
        zip(*(map(_shown, rows.column(name).to_pylist()) for name in options.contradicting), strict=True)
    )
    digests = rows.column(DIGEST).to_pylist()
    keep: list[int] = []
    duplicates = contradicting = 0
    contradictions: list[list[tuple[Place, str]]] = []
    for _, group in itertools.groupby(range(len(digests)), key=digests.__getitem__):
        equal = list(group)
        readings = {labels[row]: row for row in reversed(equal)} if labels else {(): equal[0]}
        if len(readings) > 1:
            contradicting += len(equal)
            if len(contradictions) < _TOLD:
                contradictions.append([(_place(rows, row), ", ".join(labels[row])) for row in equal])
        if len(readings) == 1 or options.keeps_contradicting:
            duplicates += len(equal) - len(readings)
            keep += equal if options.duplicates == "keep" else sorted(readings.values())
    return np.array(keep, np.int64), duplicates, contradicting, contradictions


def _write_shard(path: str, rows: pa.Table | None, types: Mapping[str, str]) -> None:
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as file:
        if rows is None:
            return
        features = rows.drop_columns([DIGEST, SPLIT, FILE, ROW])
        for number, name in enumerate(features.column_names):
            if name in types:
                features = features.set_column(number, name, _converted(features.column(number), types[name]))
        for start in range(0, features.num_rows, _ROWS_AT_ONCE):
            for record in encoder.encode(features.slice(start, _ROWS_AT_ONCE)).to_pylist():
                file.write(record)


def _converted(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    typed = column_types.convert(column, kind)
    assert not isinstance(typed, column_types.BadValue), f"the whole column is {kind}, a part of it is not"
    return typed


def _labels(
    of_split: Mapping[str, pa.Table | None], options: TextOptions
) -> tuple[Counter[tuple[str, str, str]], dict[tuple[str, str, str], Place]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], Place] = {}
    for split, table in of_split.items():
        if table is None or not options.contradicting:
            continue
        places = list(zip(table.column(FILE).to_pylist(), table.column(ROW).to_pylist(), strict=True))
        for label in options.contradicting:
            for place, value in zip(places, _values(table, label), strict=True):
                for one in {value} if isinstance(value, str) else set(value):
                    key = (label, one, split)
                    counts[key] += 1
                    first[key] = min(first.get(key, place), place)
    return counts, first


def _values(table: pa.Table, name: str) -> Any:
    """The values of a column, a block of rows at a time."""
    for batch in table.select([name]).to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.column(0).to_pylist()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(value)


def _place(table: pa.Table, row: int) -> Place:
    return table.column(FILE)[row].as_py(), table.column(ROW)[row].as_py()
