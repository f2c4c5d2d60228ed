"""Which images go into which shard, and in which order."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pyarrow as pa

from components.image_example_gen import arrow_files
from components.image_example_gen.listing import NAME, Listing

SHARD_BYTES = 64 * 2**20
SHARD_IMAGES = 20_000


@dataclasses.dataclass(frozen=True)
class Shard:
    """Images of a shard: their rows in the listing, which are held out, and their names and features."""

    rows: list[int]
    held_out: list[bool]
    table: pa.Table


def plan(folder: str, listing: Listing) -> int:
    """Writes the images of each shard to a file in `folder`, for `read`; gives the number of shards.

    The order is that of the names' sha256, the same on each machine and random to the eye: images that are sorted by
    class in their folders must not reach training sorted.
    """
    names = listing.table.column(NAME).to_pylist()
    keys = np.array([hashlib.sha256(name.encode()).digest()[:8] for name in names], "S8").view(">u8")
    order = np.argsort(keys, kind="stable")
    count = min(max(-(-listing.size // SHARD_BYTES), -(-len(names) // SHARD_IMAGES)), len(names))
    for shard, rows in enumerate(np.array_split(order, count)):
        columns = listing.table.take(rows).columns
        table = pa.table(
            [pa.array(rows), pa.array(listing.held_out[rows]), *columns],
            names=["", "", *listing.table.column_names],
        )
        arrow_files.write(folder, shard, table)
    return count


def read(folder: str, shard: int) -> Shard:
    """The images of a shard, in the order in which they are written."""
    table = arrow_files.read(folder, shard)
    rows, held_out = (table.column(position).to_pylist() for position in range(2))
    return Shard(rows, held_out, table.select(range(2, table.num_columns)))
