"""Input files to serialized tf.Examples, each with its split: all of ExampleGen but TFX and the writing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from components.columnar_example_gen import encoder, labels, source, splits
from components.columnar_example_gen.options import ReaderOptions

_ROWS_AT_ONCE = 50_000


@dataclasses.dataclass(frozen=True)
class Examples:
    """Serialized examples in reading order; `assigned` holds the split (index into `splits`) of each."""

    files: Sequence[source.SourceFile]
    splits: Sequence[str]
    records: Sequence[bytes]
    digests: np.ndarray
    assigned: np.ndarray

    def shuffled(self, split: str) -> list[bytes]:
        """The records of a split in the order in which they are written."""
        order = splits.shuffled(self.digests)
        return [self.records[row] for row in order[self.assigned[order] == self.splits.index(split)]]


def build(
    files: Mapping[str, Sequence[str]], options: ReaderOptions, hash_buckets: Mapping[str, int] | None = None
) -> Examples:
    """Reads the files of every input split; one input split is divided by `hash_buckets` (split -> buckets).

    Without buckets the input splits are kept as they are. Raises BadInput for anything that is wrong in the
    files, naming file, line and value.
    """
    data = source.read(files, options)
    records: list[bytes] = []
    for start in range(0, data.table.num_rows, _ROWS_AT_ONCE):
        records.extend(encoder.encode(data.table.slice(start, _ROWS_AT_ONCE)).to_pylist())
    digests = splits.digests(records)
    if hash_buckets:
        names = list(hash_buckets)
        assigned = splits.assign(digests, list(hash_buckets.values()))
    else:
        names = list(files)
        assigned = np.repeat(
            [names.index(file.split) for file in data.files], [file.rows for file in data.files]
        )
    labels.check(data, names, assigned)
    return Examples(data.files, names, records, digests, assigned)
