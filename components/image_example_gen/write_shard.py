"""The Beam part: each worker reads the images of a shard one by one and writes them to the splits that they belong to.

An element is the number of a shard, so that no image passes through Beam, whose in-memory runner keeps all elements of
a stage at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf

from components.columnar_example_gen.writer import shard_name
from components.image_example_gen import outcomes, parallel, records, shards, sources, splits
from components.image_example_gen.listing import NAME
from components.image_example_gen.options import ImageOptions
from components.image_example_gen.outcomes import Outcome
from components.image_example_gen.problems import UnusableError

_ROWS_AT_ONCE = 1000
_AHEAD = 8
_STORED = 0
"""zlib's level: JPEG and PNG are packed already, and packing them again costs more than decoding them."""


@dataclasses.dataclass(frozen=True)
class Target:
    """Where `shards` shards are described (`plans`), where they go (`folders`: split -> path), and their outcomes.

    buckets: the share of each split among the images that are not held out already.
    """

    shards: int
    plans: str

    folders: Mapping[str, str]
    buckets: Mapping[str, int]
    outcomes: str


class WriteShard(beam.DoFn):
    """Number of a shard -> its file in every split's folder, and its outcomes; gives the number of images written."""

    def __init__(self, base: str, options: ImageOptions, target: Target) -> None:
        self._base, self._options, self._target = base, options, target

    def process(self, element: int) -> Iterable[int]:
        load = functools.partial(sources.load, self._base, options=self._options)
        workers = os.cpu_count() or 1
        shard = shards.read(self._target.plans, element)
        loaded = parallel.ordered_map(load, shard.table.column(NAME).to_pylist(), workers, _AHEAD * workers)
        found: list[Outcome] = []
        with _writers(self._target.folders, shard_name(element, self._target.shards)) as writers:
            for row, held_out, columns, image in zip(
                shard.rows, shard.held_out, _rows(shard.table), loaded, strict=True
            ):
                picture = image.result
                if isinstance(picture, UnusableError):
                    found.append(
                        Outcome(row, file=image.file, size=image.size, what=picture.what, mend=picture.mend)
                    )
                    continue
                split = splits.HELD_OUT if held_out else splits.assign(picture.content, self._target.buckets)
                writers[split].write(records.serialize(picture, columns))
                found.append(
                    Outcome(
                        row,
                        split,
                        picture.height,
                        picture.width,
                        picture.channels,
                        image.file,
                        image.size,
                        picture.content,
                        picture.thumbnail,
                    )
                )
        outcomes.write(self._target.outcomes, element, found)
        yield sum(outcome.split is not None for outcome in found)


@contextlib.contextmanager
def _writers(folders: Mapping[str, str], name: str) -> Iterator[dict[str, tf.io.TFRecordWriter]]:
    """Writers to a file of each split, which gets its name when all is written: a second try replaces the first."""
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=_STORED)
    partial = {
        split: os.path.join(folder, f".{name}.{uuid.uuid4().hex}") for split, folder in folders.items()
    }
    with contextlib.ExitStack() as stack:
        for folder in folders.values():
            tf.io.gfile.makedirs(folder)
        yield {
            split: stack.enter_context(tf.io.TFRecordWriter(path, options)) for split, path in partial.items()
        }
    for split, folder in folders.items():
        tf.io.gfile.rename(partial[split], os.path.join(folder, name), overwrite=True)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()
