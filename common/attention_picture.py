"""Attention as a picture: which tokens of the source each token of the translation looked at.

SVG, as it needs no font of its own: tokens are in any script.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

_CELL = 22
_LETTER = 8
_MARGIN = 8
_FAINTEST = 0.005
"""Weights below are left white."""
_SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def svg(source: Sequence[str], target: Sequence[str], weights: Sequence[Sequence[float]]) -> str:
    """Return an SVG document: a column for each source token, a row for each target token, the darker the larger.

    `weights` are 0 to 1, a row for each target token; resting on a cell, the pointer shows its weight.
    """
    columns, rows = [_shown(token) for token in source], [_shown(token) for token in target]
    left = _MARGIN + max(map(_width, rows), default=0)
    top = _MARGIN + max(map(_width, columns), default=0)
    width, height = left + _CELL * len(columns) + 2 * _MARGIN, top + _CELL * len(rows) + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for x, name in enumerate(columns):
        place = f"translate({left + _MARGIN + _CELL * x + 15} {top})"
        parts.append(f'<text transform="{place} rotate(-90)">{escape(name)}</text>')
    for y, name in enumerate(rows):
        parts.append(f'<text x="{left}" y="{top + _CELL * y + 23}" text-anchor="end">{escape(name)}</text>')
        for x, weight in enumerate(weights[y]):
            if weight >= _FAINTEST:
                told = escape(f"{columns[x]} → {name}: {weight:.2f}")
                parts.append(
                    f'<rect x="{left + _MARGIN + _CELL * x}" y="{top + _MARGIN + _CELL * y}" width="{_CELL}"'
                    f' height="{_CELL}" fill="#08306b" fill-opacity="{weight:.3f}"><title>{told}</title></rect>'
                )
    parts.append(
        f'<rect x="{left + _MARGIN}" y="{top + _MARGIN}" width="{_CELL * len(columns)}"'
        f' height="{_CELL * len(rows)}" fill="none" stroke="#bbb"/>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _shown(token: str) -> str:
    """The token with its spaces visible; XML holds no control characters."""
    return "".join(
        _SHOWN.get(one, one if one.isprintable() else "\N{REPLACEMENT CHARACTER}") for one in token
    )


def _width(name: str) -> int:
    """About how many pixels a name takes."""
    return sum(2 * _LETTER if unicodedata.east_asian_width(one) in "WF" else _LETTER for one in name)
