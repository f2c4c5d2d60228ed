"""Long texts, cut into windows that do not overlap; end to end they are the text again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from common.errors import BadInput
from components.text_example_gen import content
from components.text_example_gen.options import FILE_NAME, POSITION, TextOptions
from components.text_example_gen.rows import Batcher

_NEAR = 4
"""A window may be shorter by this part of it to end with a line or a word."""


class Windows:
    """The windows of the files in order: text, position (in characters, line ends counted as one) and file_name."""

    def __init__(self, base: str, files: Sequence[str], options: TextOptions) -> None:
        self._base, self._files, self._options = base, files, options

    def batches(self) -> Iterator[pa.RecordBatch]:
        batcher = Batcher({"text": pa.string(), POSITION: pa.int64(), FILE_NAME: pa.string()}, ["text"])
        for number, path in enumerate(self._files):
            name = os.path.relpath(path, self._base)
            empty = True
            for position, text in cut(content.blocks(path), self._options.window):
                if text.strip():
                    empty = False
                    yield from batcher.add(
                        number, position, {"text": text, POSITION: position, FILE_NAME: name}
                    )
            if empty:
                raise BadInput(f"{path}: the file is empty; give it text, or take it out")
        yield from batcher.rest()

    def place(self, file: int, row: int) -> str:
        return f"{self._files[file]}: the text at character {row}"

    def types(self) -> Mapping[str, str]:
        return {}


def cut(blocks: Iterable[str], size: int) -> Iterator[tuple[int, str]]:
    """(position, window) with at most `size` characters each, cut after a line or a space where one is near the end."""
    position, rest = 0, ""
    for block in _unified(blocks):
        rest += block
        start = 0
        while len(rest) - start > size:
            end = start + _end(rest[start : start + size])
            yield position, rest[start:end]
            position, start = position + end - start, end
        rest = rest[start:]
    if rest:
        yield position, rest


def _end(window: str) -> int:
    least = len(window) - len(window) // _NEAR
    for mark in ("\n", " "):
        found = window.rfind(mark, least)
        if found >= 0:
            return found + 1
    return len(window)


def _unified(blocks: Iterable[str]) -> Iterator[str]:
    """The blocks with LF line ends; a CR at the end of one waits for the LF that may follow."""
    waiting = ""
    for block in blocks:
        block = waiting + block
        waiting = "\r" if block.endswith("\r") else ""
        yield content.unified(block.removesuffix("\r"))
    if waiting:
        yield "\n"
