"""Images, rows and folders that cannot be used: named, counted, and left out or refused."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Sequence

from common.errors import BadInput
from components.image_example_gen.options import ImageOptions

AGAIN = "copy it again, or take it out"
CONVERT = "convert it to PNG or JPEG, or take it out"
_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that cannot be used: its name below the base folder, what is wrong with it, and the mend."""

    name: str
    what: str
    mend: str


class UnusableError(Exception):
    """An image that cannot be used: what is wrong with it, and the mend."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


def shown(name: str) -> str:
    """A file's name in one line, whatever bytes it is made of."""
    return name if name.isprintable() else ascii(name)


def check(problems: Sequence[Problem], good: int, base: str, options: ImageOptions) -> None:
    """Raises BadInput for problems that `options.on_error` and `options.max_errors` do not let pass.

    One problem is told alone; of many the first are named. good: how many images have no problem.
    """
    count, skip = len(problems), options.on_error == "skip"
    if not problems or (skip and count <= options.max_errors):
        return
    if count == 1 and not skip:
        (problem,) = problems
        raise BadInput(
            f"{os.path.join(base, shown(problem.name))}: {problem.what}; {problem.mend} (or set data.on_error: skip)"
        )
    named = "; ".join(
        f"{shown(problem.name)}: {problem.what} ({problem.mend})" for problem in problems[:_NAMED]
    )
    more = f"; and {count - _NAMED} more" if count > _NAMED else ""
    over = f", above data.max_errors: {options.max_errors}" if skip else ""
    cap = f" with data.max_errors: {count}" if count > options.max_errors else ""
    mend = "mend them"
    if good:
        mend += f", or raise data.max_errors to {count}" if skip else f", or set data.on_error: skip{cap}"
    raise BadInput(f"{base}: {count} problems beside {good} good images{over}: {named}{more}; {mend}")


def as_csv(problems: Sequence[Problem]) -> str:
    """The problems as a CSV of file_name, problem and mend, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", "problem", "mend"])
    writer.writerows([shown(problem.name), problem.what, problem.mend] for problem in problems)
    return text.getvalue()
