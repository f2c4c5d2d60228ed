"""The spans of a pipeline's data that are there, and whether they are whole."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from common import remote_files
from common.errors import BadInput
from components.columnar_example_gen import inputs
from pipeline import remote_data, sources
from pipeline.sections import Config


@dataclass(frozen=True, order=True)
class Span:
    """A span and its latest version (None without versions)."""

    number: int
    version: int | None

    @property
    def key(self) -> str:
        """What it is called where decisions are kept: a corrected version is a span to be looked at again."""
        return str(self.number) if self.version is None else f"{self.number}v{self.version}"


def check(config: Config) -> None:
    """Raises BadInput for a pipeline whose data do not come in spans."""
    named = sources.named(config.data)
    if not named or not all(map(inputs.has_span, named)):
        raise BadInput(
            f"{config.name}: data.path: a loop needs data that come in spans; write a path with {{SPAN}} or"
            " {YYYY}-{MM}-{DD}, as in sales/{YYYY}-{MM}-{DD}.csv or photos/day-{SPAN}"
        )
    if config.data.span is not None:
        raise BadInput(f"{config.name}: data.span: a loop takes the spans as they come; take it out")


def available(config: Config) -> list[Span]:
    """The spans that are there now, ascending; of several paths those that all have.

    Raises:
      BadInput: a file is named after a date which does not exist, or there is no such bucket.
      UserError: a store has its troubles.
    """
    with _listed(config) as (_, found):
        common = set.intersection(*map(set, found))
        return [Span(number, version) for number, (version, _) in found[-1].items() if number in common]


def changed(config: Config, span: Span) -> float | None:
    """When its newest file was written, or put into its folder or taken out (seconds); None when it has no file.

    Raises as `available`.
    """
    with _listed(config) as (base, found):
        if any(spans.get(span.number, (-1, ""))[0] != span.version for spans in found):
            return None
        newest = [_newest(base, spans[span.number][1]) for spans in found]
        return None if None in newest else max(filter(None, newest))


@contextmanager
def _listed(config: Config) -> Iterator[tuple[str, list[dict[int, tuple[int | None, str]]]]]:
    """The base of all paths, and for each path: span -> (its latest version, the pattern with both filled in)."""
    with ExitStack() as stack:
        named = [
            stack.enter_context(remote_data.outline(path, config.data))
            if remote_files.is_remote(path)
            else path
            for path in sources.named(config.data)
        ]
        base, pattern = inputs.locate(named)
        yield (
            base,
            [
                {number: (version, filled) for number, version, filled in inputs.spans_of(base, one)}
                for one in pattern.split(inputs.PATTERN_SEPARATOR)
            ],
        )


def _newest(base: str, pattern: str) -> float | None:
    found = glob.glob(os.path.join(glob.escape(base), pattern), recursive=True)
    paths = [path for one in map(Path, found) for path in (one, *one.rglob("*"))]
    try:
        times = [path.stat().st_mtime for path in paths]
    except OSError:
        # One that was moved in between.
        return time.time()
    return max(times) if any(map(os.path.isfile, paths)) else None
