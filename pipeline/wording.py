"""How names and paths are put to people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean ...?` for a misspelt name, or nothing when no valid name is near."""
    close = difflib.get_close_matches(name, list(valid), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def display(path: Path | str) -> str:
    """A path as seen from the current folder when it lies below it."""
    try:
        return str(Path(path).absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
