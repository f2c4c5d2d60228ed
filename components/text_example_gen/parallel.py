"""Two files that belong together line by line: source and target."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from components.text_example_gen import content
from components.text_example_gen.options import TextOptions
from components.text_example_gen.rows import Batcher


class Parallel:
    """The pairs of lines of source and target files, in order."""

    def __init__(self, sources: Sequence[str], targets: Sequence[str], options: TextOptions) -> None:
        if len(sources) != len(targets):
            raise BadInput(
                f"data.path: {len(sources)} source files and {len(targets)} target files; each source needs its target"
            )
        self._files = list(zip(sources, targets, strict=True))
        self._names = options.texts

    def batches(self) -> Iterator[pa.RecordBatch]:
        batcher = Batcher(dict.fromkeys(self._names, pa.string()), self._names)
        for number, pair in enumerate(self._files):
            ended = object()
            pairs = itertools.zip_longest(*map(content.lines, pair), fillvalue=ended)
            line = 0
            for line, texts in enumerate(pairs, start=1):
                if ended in texts:
                    raise _uneven(*pair)
                yield from batcher.add(number, line, dict(zip(self._names, texts, strict=True)))
            if not line:
                raise BadInput(f"{pair[0]}: the file is empty; give it a text a line")
        yield from batcher.rest()

    def place(self, file: int, row: int) -> str:
        source, target = self._files[file]
        return f"{source}:{row} (and {target}:{row})"

    def types(self) -> Mapping[str, str]:
        return {}


def _uneven(source: str, target: str) -> BadInput:
    lengths = [np.array([len(line) for line in content.lines(path)], np.float64) for path in (source, target)]
    counts = sorted(map(len, lengths))
    shorter = source if len(lengths[0]) == counts[0] else target
    near = ""
    if counts[0] > counts[1] / 2:
        near = f"; by their lengths the lines part near line {parting(*lengths)}"
    return BadInput(
        f"{source} has {len(lengths[0]):,} lines and {target} {len(lengths[1]):,}{near}; mend {shorter}, or put an empty"
        " line where one is missing (data.empty: skip leaves the pair out)"
    )


def parting(source: np.ndarray, target: np.ndarray) -> int:
    """The first line (from 1) that has no partner, if all the lines that are missing are missing in one place.

    source and target: characters of each line. It is where pairs above, and pairs below shifted by the difference, agree
    best in the ratio of their lengths.
    """
    left, right = np.log(source + 1), np.log(target + 1)
    shift = len(left) - len(right)
    common = min(len(left), len(right))
    usual = np.log((source.mean() + 1) / (target.mean() + 1))
    straight = np.abs(left[:common] - right[:common] - usual)
    shifted = np.abs(left[max(shift, 0) :][:common] - right[max(-shift, 0) :][:common] - usual)
    costs = np.concatenate([[0.0], np.cumsum(straight)]) + (
        shifted.sum() - np.concatenate([[0.0], np.cumsum(shifted)])
    )
    return int(np.argmin(costs)) + 1
