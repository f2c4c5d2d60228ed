"""Input files to serialized tf.Examples, each with its split: all of ExampleGen but TFX and the writing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from components.columnar_example_gen import encoder, labels, source, splits
from components.columnar_example_gen.options import ReaderOptions

_ROWS_AT_ONCE = 20_000


@dataclasses.dataclass(frozen=True)
class Examples:
    """Rows in reading order; `assigned` holds the split (index into `splits`) of each, `keys` its place in order.

    Serialized examples are several times as large as the rows, so that they are made as they are asked for.
    """

    files: Sequence[source.SourceFile]
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
    """Reads the files of every input split; one input split is divided by `hash_buckets` (split -> buckets).

    Without buckets the input splits are kept as they are. Raises BadInput for anything that is wrong in the
    files, naming file, line and value.
    """
    data = source.read(files, options)
    names = list(hash_buckets or files)
    starts = range(0, data.table.num_rows, _ROWS_AT_ONCE)
    pieces = [_hashed(data.table.slice(start, _ROWS_AT_ONCE), hash_buckets) for start in starts]
    assigned, keys = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    if not hash_buckets:
        given = [names.index(file.split) for file in data.files]
        assigned = np.repeat(given, [file.rows for file in data.files])
    labels.check(data, names, assigned)
    return Examples(data.files, data.table, names, assigned, keys)


def _hashed(rows: pa.Table, hash_buckets: Mapping[str, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """(split, key of the order) of every row."""
    digests = splits.digests(encoder.encode(rows).to_pylist())
    return splits.assign(digests, list((hash_buckets or {"": 1}).values())), splits.order_keys(digests)
