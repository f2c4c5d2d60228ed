"""Tokens with tags: a token and its tag on a line, first and last of its columns, an empty line between sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen.diagnosis import shown
from components.text_example_gen import content
from components.text_example_gen.options import TextOptions
from components.text_example_gen.rows import Batcher

_DOCUMENT = "-DOCSTART-"
TOKENS = "tokens"


class Conll:
    """The sentences of the files in order: tokens and tags, lists of equal length."""

    def __init__(self, files: Sequence[str], options: TextOptions) -> None:
        self._files, self._tags = files, options.label

    def batches(self) -> Iterator[pa.RecordBatch]:
        words = pa.list_(pa.string())
        batcher = Batcher({TOKENS: words, self._tags: words}, [TOKENS])
        for number, path in enumerate(self._files):
            empty = True
            for line, rows in _sentences(path):
                empty = False
                yield from batcher.add(
                    number, line, {TOKENS: [row[0] for row in rows], self._tags: [row[-1] for row in rows]}
                )
            if empty:
                raise BadInput(f"{path}: there is no token in it; add lines of a token and its tag")
        yield from batcher.rest()

    def place(self, file: int, row: int) -> str:
        return f"{self._files[file]}:{row}"

    def types(self) -> Mapping[str, str]:
        return {}


def _sentences(path: str) -> Iterator[tuple[int, list[list[str]]]]:
    """(first line, its tokens' columns) of every sentence. Raises BadInput for a line with other columns."""
    sentence: list[list[str]] = []
    start = width = 0
    separator: str | None = None
    for number, line in enumerate(content.lines(path), start=1):
        if not line.strip():
            if sentence:
                yield start, sentence
            sentence = []
            continue
        if not width:
            if _is_comment(line):
                continue
            separator = "\t" if "\t" in line else None
        fields = line.split(separator)
        if fields[0] == _DOCUMENT or (len(fields) != width and _is_comment(line)):
            continue
        width = width or _width(path, number, fields)
        if len(fields) != width or not all(fields):
            raise _broken(path, number, line, fields, width, separator)
        if not sentence:
            start = number
        sentence.append(fields)
    if sentence:
        yield start, sentence


def _is_comment(line: str) -> bool:
    return line.startswith("# ")


def _width(path: str, number: int, fields: Sequence[str]) -> int:
    if len(fields) < 2:
        raise BadInput(
            f"{path}:{number}: one column only, {shown(fields[0])}; a line needs a token and its tag, with a space or a"
            " tab between them"
        )
    return len(fields)


def _broken(
    path: str, number: int, line: str, fields: Sequence[str], width: int, separator: str | None
) -> BadInput:
    between = "tabs" if separator else "spaces"
    if len(fields) == width:
        return BadInput(
            f"{path}:{number}: column {list(map(bool, fields)).index(False) + 1} is empty ({shown(line)}); fill it in"
        )
    kind = "many" if len(fields) > width else "few"
    return BadInput(
        f"{path}:{number}: too {kind} columns: {len(fields)}, the lines above have {width}, separated by {between}"
        f" ({shown(line)}); mend the line"
    )
