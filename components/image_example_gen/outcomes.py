"""What became of each image: written by whoever wrote its shard, read when all are done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.image_example_gen import arrow_files, thumbnails
from components.image_example_gen.problems import UnusableError

_SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "split": pa.string(),
        "height": pa.int32(),
        "width": pa.int32(),
        "channels": pa.int32(),
        "file": pa.string(),
        "size": pa.int64(),
        "content": pa.binary(),
        "thumbnail": pa.binary(thumbnails.SIZE),
        "what": pa.string(),
        "mend": pa.string(),
    }
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One image: its row in the listing, the split that it went to, and size, hashes and thumbnail of the picture.

    file and size: sha256 and bytes of its file, for the fingerprint. what and mend: why it was left out.
    """

    row: int
    split: str | None = None
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    file: str | None = None
    size: int = 0
    content: bytes | None = None
    thumbnail: bytes | None = None
    what: str | None = None
    mend: str | None = None


def write(folder: str, shard: int, outcomes: Sequence[Outcome]) -> None:
    """Writes the outcomes of a shard to a file in `folder`."""
    columns = {name: [getattr(outcome, name) for outcome in outcomes] for name in _SCHEMA.names}
    arrow_files.write(folder, shard, pa.table(columns, _SCHEMA))


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """All outcomes in the order of the listing."""

    table: pa.Table

    def used(self) -> np.ndarray:
        """The rows of the images that are in some split."""
        return np.flatnonzero(self.table.column("split").is_valid())

    def rows(self, split: str) -> np.ndarray:
        """The rows of the images in a split."""
        return np.flatnonzero(pc.fill_null(pc.equal(self.table.column("split"), split), False))

    def pictures(self) -> np.ndarray:
        """The thumbnail of every image, uint8 [images, 72]; zeros where the image could not be used."""
        empty = bytes(thumbnails.SIZE)
        joined = b"".join(value or empty for value in self.table.column("thumbnail").to_pylist())
        return np.frombuffer(joined, np.uint8).reshape(-1, thumbnails.SIZE)

    def contents(self, names: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Name -> (bytes, sha256) of the images that are files of their own; `names` in the order of the rows."""
        sizes, files = (self.table.column(name).to_pylist() for name in ("size", "file"))
        return {name: (size, file) for name, size, file in zip(names, sizes, files, strict=True) if file}

    def problems(self) -> Iterator[tuple[int, UnusableError]]:
        """(row, error) of the images that could not be used."""
        bad = self.table.filter(self.table.column("what").is_valid())
        columns = (bad.column(name).to_pylist() for name in ("row", "what", "mend"))
        for row, what, mend in zip(*columns, strict=True):
            yield row, UnusableError(what, mend)


def read(folder: str, shards: int) -> Outcomes:
    """The outcomes of all shards in `folder`."""
    tables = [arrow_files.read(folder, shard) for shard in range(shards)]
    return Outcomes(pa.concat_tables(tables).sort_by("row"))
