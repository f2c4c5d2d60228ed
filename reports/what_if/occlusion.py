"""Which part of a picture or a text the answer hangs on: parts are covered one by one, and the model is asked again.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (2014) for pictures; Li, Monroe & Jurafsky,
"Understanding Neural Networks through Representation Erasure" (2016) for words.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np

from common.errors import BadInput

CELLS = 14
"""Places of the patch along the longer side."""
PATCH = 3
"""Its width in cells: smaller ones hide too little to matter."""
LARGEST_SIDE = 256
MOST_PIECES = 200
GREY = 128
_WORDS = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class Covered:
    """A picture as the model is asked about it, `plain`, and with the patch at each place, row by row; all PNG.

    `across` x `down` places; `width` x `height` pixels, at most LARGEST_SIDE: `scaled` where it had more.
    """

    plain: bytes
    patched: list[bytes]
    across: int
    down: int
    width: int
    height: int
    scaled: bool


def pictures(encoded: bytes) -> Covered:
    """Cover a picture (PNG or JPEG, a whole one) with a grey patch, place by place.

    Raises:
      BadInput: it has more than 8 bits a channel.
    """
    from PIL import Image

    with Image.open(io.BytesIO(encoded), formats=["PNG", "JPEG"]) as opened:
        if opened.mode.startswith(("I", "F")):
            raise BadInput("a picture of more than 8 bits a channel cannot be covered; give one of 8")
        picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
    scaled = max(picture.size) > LARGEST_SIDE
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    cell = max(1.0, max(width, height) / CELLS)
    across, down = max(1, round(width / cell)), max(1, round(height / cell))
    columns, rows = _patches(width, across), _patches(height, down)
    patched = []
    for top, bottom in rows:
        for left, right in columns:
            copy = pixels.copy()
            copy[top:bottom, left:right] = GREY
            patched.append(_png(copy))
    return Covered(_png(pixels), patched, across, down, width, height, scaled)


def pieces(text: str) -> list[str]:
    """A text cut into words with the space around them, into runs of words where there are more than MOST_PIECES."""
    words = _WORDS.findall(text)
    run = -(-len(words) // MOST_PIECES) or 1
    return ["".join(words[start : start + run]) for start in range(0, len(words), run)]


def without_each(found: list[str]) -> list[str]:
    """The text without each of its pieces."""
    return ["".join(found[:place] + found[place + 1 :]).strip() for place in range(len(found))]


def _patches(size: int, cells: int) -> list[tuple[int, int]]:
    """Where the patch around each cell begins and ends."""
    edges = np.linspace(0, size, cells + 1)
    reach = (PATCH - 1) // 2
    return [
        (round(edges[max(0, place - reach)]), round(edges[min(cells, place + reach + 1)]))
        for place in range(cells)
    ]


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
