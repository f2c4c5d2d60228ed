"""How names and paths are put to people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

CLOSE_CALL = 0.1


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean ...?` for a misspelt name, or nothing when no valid name is near."""
    close = difflib.get_close_matches(name, list(valid), n=2)
    likeness = {match: difflib.SequenceMatcher(None, name, match).ratio() for match in close}
    # Names of one module prefix are all alike: a second one is worth naming only when it is nearly as near.
    near = [match for match in close if likeness[match] > max(likeness.values()) - CLOSE_CALL]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def display(path: Path | str) -> str:
    """A path as seen from the current folder when it lies below it; a URI as it is."""
    if "://" in str(path):
        return str(path)
    try:
        return str(Path(path).absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
