"""Typed rows to serialized tf.Examples, each with its split."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from components.columnar_example_gen import encoder, frames, here, labels, spill, splits, tables
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.spill import Run, Spill
from components.columnar_example_gen.tables import Block, Read, SourceFile, Tables

_ROWS_AT_ONCE = 10_000


@dataclasses.dataclass(frozen=True)
class Division:
    """How rows get their splits: by the hash buckets of `shares` (split -> buckets), or as their file has it.

    given: of each file its split as an index into `names`, when there are no shares.
    """

    names: Sequence[str]
    shares: Sequence[int]
    given: Sequence[int]

    @classmethod
    def of(cls, files: Tables, hash_buckets: Mapping[str, int] | None) -> Division:
        """One input split is divided by `hash_buckets`; without them the input splits are kept as they are."""
        if hash_buckets:
            return cls(list(hash_buckets), list(hash_buckets.values()), [])
        names = list(dict.fromkeys(files.splits))
        return cls(names, [1], [names.index(split) for split in files.splits])

    def assign(self, file: int, digests: np.ndarray) -> np.ndarray:
        """The splits of rows of a file, of whose records these are the digests."""
        if self.given:
            return np.full(len(digests), self.given[file])
        return splits.assign(digests, self.shares)


@dataclasses.dataclass(frozen=True)
class Made:
    """What was made of a block: rows in each split and labels; the records, or the rows with split and key."""

    counts: np.ndarray
    tallies: Mapping[str, labels.Tally]
    run: Run | None = None
    table: pa.Table | None = None
    assigned: np.ndarray | None = None
    keys: np.ndarray | None = None


@dataclasses.dataclass
class Encode:
    """Encodes the rows of a block, and gives each its split; records go to `spill`, or the rows are kept as they are."""

    options: ReaderOptions
    division: Division
    spill: Spill | None = None

    def __call__(self, block: Block, table: pa.Table) -> Made:
        """The rows of a block as examples."""
        assigned, keys, packed = [], [], []
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            records = encoder.encode(table.slice(start, _ROWS_AT_ONCE))
            separate = frames.separate(records)
            digests = splits.digests(separate)
            assigned.append(self.division.assign(block.file, digests))
            keys.append(splits.order_keys(digests))
            if self.spill:
                packed.append(
                    spill.pack(keys[-1], assigned[-1], frames.framed(records, separate), self.spill.buckets)
                )
        count = len(self.division.names)
        splits_of, order = np.concatenate(assigned or [np.zeros(0, np.int64)]), _joined(keys)
        tallies = {
            label: labels.tally(table.column(label), self.options.task, splits_of, count)
            for label in self.options.labels
        }
        counts = np.bincount(splits_of, minlength=count)
        if self.spill is None:
            return Made(counts, tallies, table=table, assigned=splits_of, keys=order)
        return Made(counts, tallies, self.spill.add(block.number, packed))


def _joined(keys: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*keys, np.zeros(0, np.uint64)])


def check(read: Read[Made], names: Sequence[str]) -> dict[str, int]:
    """The rows of each split. Raises BadInput for an empty split, and for labels that are no use."""
    counts = dict(zip(names, np.sum([made.counts for made in read.made()], axis=0).tolist(), strict=True))
    tallies: dict[str, labels.Tally] = {}
    for label in read.tables.options.labels:
        rows = 0
        for piece in read.pieces:
            assert piece.made is not None
            found = piece.made.tallies[label]
            tallies[label] = tallies[label].merged(found, rows) if rows else found
            rows += piece.rows
    path = read.files[0].path
    labels.check(tallies, read.kinds, counts, read.tables.options.task, path, read.place)
    return counts


@dataclasses.dataclass(frozen=True)
class Examples:
    """Rows in reading order; `assigned` holds the split (index into `splits`) of each, `keys` its place in order.

    Serialized examples are several times as large as the rows, so that they are made as they are asked for.
    """

    files: Sequence[SourceFile]
    table: pa.Table
    splits: Sequence[str]
    assigned: np.ndarray
    keys: np.ndarray

    def count(self, split: str) -> int:
        """The number of examples of a split."""
        return int((self.assigned == self.splits.index(split)).sum())

    def records(self, split: str) -> Iterator[bytes]:
        """The serialized examples of a split, in the order in which they are written.

        The order is random to the eye, and the same whatever order the rows came in. Stock shuffles too (at
        random): a file sorted by its label must not reach training sorted.
        """
        rows = np.flatnonzero(self.assigned == self.splits.index(split))
        rows = rows[np.argsort(self.keys[rows], kind="stable")]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield from encoder.encode(self.table.take(rows[start : start + _ROWS_AT_ONCE])).to_pylist()


def build(
    files: Mapping[str, Sequence[str]], options: ReaderOptions, hash_buckets: Mapping[str, int] | None = None
) -> Examples:
    """All examples in memory, for those that look at them as a whole: files of every input split.

    One input split is divided by `hash_buckets` (split -> buckets); without them the input splits are kept as they are.
    Raises BadInput for anything that is wrong in the files, naming file, line and value.
    """
    given = Tables(files, options)
    division = Division.of(given, hash_buckets)
    found = tables.read(given, Encode(options, division), here.pieces)
    check(found, division.names)
    made = found.made()
    return Examples(
        found.files,
        pa.concat_tables([one.table for one in made]),
        division.names,
        np.concatenate([one.assigned for one in made]),
        _joined([one.keys for one in made if one.keys is not None]),
    )
