"""Attention as a picture: which tokens of the source each token of the translation looked at."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

FORMATS = (".png", ".svg", ".pdf")
_INCHES = 0.3
"""Of a cell."""
_SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def save(
    file: Path, source: Sequence[str], target: Sequence[str], weights: Sequence[Sequence[float]]
) -> None:
    """Write a picture in the format of the file's suffix, one of FORMATS.

    A column for each source token, a row for each target token, the darker the larger; `weights` [target, source] are 0
    to 1. In an SVG the tokens are text, in any script; in the others a script that the font lacks is boxes.
    """
    # Whoever draws nothing does not pay for the import.
    import matplotlib
    from matplotlib.figure import Figure

    columns, rows = [_shown(token) for token in source], [_shown(token) for token in target]
    size = (1.5 + _INCHES * len(columns), 1.5 + _INCHES * len(rows))
    with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(columns)), columns, rotation=90)
        axes.set_yticks(range(len(rows)), rows)
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_parse_math(False)
        figure.savefig(file, dpi=120)


def _shown(token: str) -> str:
    """The token with its spaces visible; XML holds no control characters."""
    return "".join(
        _SHOWN.get(one, one if one.isprintable() else "\N{REPLACEMENT CHARACTER}") for one in token
    )
