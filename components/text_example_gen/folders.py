"""Texts in a folder per class: one file each."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping

import pyarrow as pa

from components.text_example_gen import class_folders, content
from components.text_example_gen.options import FILE_NAME, TextOptions
from components.text_example_gen.rows import Batcher


class Folders:
    """The files of the class folders in the order of their names: text, class and file_name."""

    def __init__(self, base: str, options: TextOptions) -> None:
        self._base, self._label = base, options.label
        self._names = class_folders.names(base)

    def batches(self) -> Iterator[pa.RecordBatch]:
        columns = ("text", self._label, FILE_NAME)
        batcher = Batcher(dict.fromkeys(columns, pa.string()), ["text"])
        classes: dict[str, int] = {}
        for row, name in enumerate(self._names):
            text = "".join(content.blocks(os.path.join(self._base, name)))
            # Mac OS takes accents apart in file names: the same folder copied elsewhere is the same class.
            label = unicodedata.normalize("NFC", name.partition("/")[0])
            yield from batcher.add(
                classes.setdefault(name.partition("/")[0], len(classes)),
                row,
                dict(zip(columns, (text, label, name), strict=True)),
            )
        yield from batcher.rest()

    def place(self, file: int, row: int) -> str:
        return os.path.join(self._base, self._names[row])

    def types(self) -> Mapping[str, str]:
        return {}
