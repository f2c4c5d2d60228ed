"""Names of columns that are asked for and not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from common.errors import BadInput

_OTHER_DELIMITERS = {";": "';'", "\t": "a tab ('\\t')", "|": "'|'", ",": "','"}


def unknown_column(path: str, names: Sequence[str], where: str, name: str, delimiter: str) -> BadInput:
    """The error for a column that the header does not have, with the nearest name or the likely delimiter."""
    if len(names) == 1:
        for other, spelled in _OTHER_DELIMITERS.items():
            if other != delimiter and other in names[0]:
                return BadInput(f"{path}:1: one column only, {names[0]!r}; set data.delimiter to {spelled}")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    folded = [other for other in names if other.strip().lower() == name.strip().lower()]
    hint = (
        f"did you mean {(folded or near)[0]!r}?" if folded or near else f"the columns are {', '.join(names)}"
    )
    return BadInput(f"{path}:1: no column {name!r} ({where}); {hint}")
