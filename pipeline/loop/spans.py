"""The spans of a pipeline's data that are there, and whether they are whole."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput
from components.columnar_example_gen import inputs
from pipeline.home import Home
from pipeline.sections import Config
from pipeline.sources import paths


@dataclass(frozen=True, order=True)
class Span:
    """A span, its latest version (None without versions), and when its files were changed last (seconds)."""

    number: int
    version: int | None
    changed: float

    @property
    def key(self) -> str:
        """What it is called where decisions are kept: a corrected version is a span to be looked at again."""
        return str(self.number) if self.version is None else f"{self.number}v{self.version}"

    def wait(self, seconds: float) -> float:
        """How many seconds are left until nothing has been written for that long."""
        return max(0.0, self.changed + seconds - time.time())


def check(config: Config) -> None:
    """Raises BadInput for a pipeline whose data do not come in spans."""
    data = config.data
    named = [data.path] if isinstance(data.path, str) else [*(data.path or ())]
    if data.images or data.text or not named or not all(map(inputs.has_span, named)):
        raise BadInput(
            f"{config.name}: data.path: a loop needs tables that come in spans; write a path with {{SPAN}} or"
            " {YYYY}-{MM}-{DD}, as in sales/{YYYY}-{MM}-{DD}.csv"
        )
    if data.span is not None:
        raise BadInput(f"{config.name}: data.span: a loop takes the spans as they come; take it out")


def available(config: Config, home: Home) -> list[Span]:
    """The spans that are there now, ascending; of several paths those that all have.

    Raises BadInput for a file that is named after a date which does not exist.
    """
    base, pattern = inputs.locate(paths(config, home))
    found: dict[int, Span] = {}
    for i, one in enumerate(pattern.split(inputs.PATTERN_SEPARATOR)):
        here = {number: (version, filled) for number, version, filled in inputs.spans_of(base, one)}
        if i:
            found = {number: span for number, span in found.items() if number in here}
        for number, (version, filled) in here.items():
            if i and number not in found:
                continue
            changed = _changed(base, filled)
            former = found.get(number)
            found[number] = Span(number, version, max(changed, former.changed if former else 0.0))
    return sorted(found.values())


def _changed(base: str, pattern: str) -> float:
    try:
        return max(Path(file).stat().st_mtime for file in inputs.list_files(base, pattern))
    except (BadInput, OSError):
        # A folder that is still empty, or a file that was moved in between.
        return time.time()
