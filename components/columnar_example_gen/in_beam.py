"""Parts of files and shards worked on wherever Beam runs; what comes of them goes through files that all can read."""

from __future__ import annotations

import dataclasses
import os
import pickle
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, fingerprint, formats, spill
from components.columnar_example_gen.tables import Block, Made, Piece, Tables, Work
from components.columnar_example_gen.unpacked import Unpacked

PART = 64 << 20
_PACKED = (".gz", ".zst")


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of one file (its number): all of it, or the bytes of a plain CSV from record to record."""

    file: int
    number: int
    start: int
    end: int | None


@dataclasses.dataclass(frozen=True)
class _Read:
    """Work on a part, block by block."""

    work: Work[Any]

    def __call__(self, part: Part) -> list[Piece[Any]]:
        path, options = self.work.tables.paths[part.file], self.work.tables.options
        if part.end is None:
            blocks = formats.reader(path).blocks(path, options)
        else:
            blocks = csv_reader.blocks(path, options, start=part.start, end=part.end)
        return [
            self.work(Block(part.file, part.number << 32 | number, part.start == 0 and number == 0, data))
            for number, data in enumerate(blocks)
        ]


@dataclasses.dataclass
class Spread:
    """Spreads work over the workers of a pipeline that `make` makes; `folder` is where results go."""

    make: Callable[[], Any]
    folder: str
    part: int = PART

    def pieces(self, work: Work[Made], digests: dict[int, str]) -> Iterator[Piece[Made]]:
        """Works on all parts; the pieces are in the order of the rows."""
        parts = list(self._parts(work.tables))
        for pieces in self.in_order(_Read(work), parts):
            yield from pieces
        for number, path in enumerate(work.tables.paths):
            digests[number] = fingerprint.sha256(path)

    def in_order(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The results for all items, in their order. Raises the BadInput that a worker met."""
        fileio.makedirs(self.folder)
        with self.make() as pipeline:
            _ = (
                pipeline
                | "Items" >> beam.Create(list(enumerate(items)))
                | "Spread" >> beam.Reshuffle()
                | "Work" >> beam.Map(_keep, function, self.folder)
            )
        for number in range(len(items)):
            with spill.opened(_path(self.folder, number), "rb") as file:
                result = pickle.loads(file.read())
            if isinstance(result, BadInput):
                raise result
            yield result

    def _parts(self, tables: Tables) -> Iterator[Part]:
        number = 0
        for file, path in enumerate(tables.paths):
            whole = formats.reader(path) is not csv_reader or path.lower().endswith(_PACKED)
            if whole or os.path.getsize(path) <= self.part:
                yield Part(file, number, 0, None)
                number += 1
                continue
            with Unpacked(path) as content:
                end = content.skipped
            start = 0
            for block in csv_reader.blocks(path, tables.options, self.part):
                end += len(block)
                yield Part(file, number, start, end)
                start, number = end, number + 1


def _keep(numbered: tuple[int, Any], function: Callable[[Any], Any], folder: str) -> None:
    number, item = numbered
    result: Any
    try:
        result = function(item)
    except BadInput as error:
        result = error
    partial = f"{_path(folder, number)}.{uuid.uuid4().hex}"
    with spill.opened(partial, "wb") as file:
        file.write(pickle.dumps(result))
    fileio.rename(partial, _path(folder, number), overwrite=True)


def _path(folder: str, number: int) -> str:
    return os.path.join(folder, f"{number:06d}.pickle")
