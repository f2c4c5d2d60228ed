"""Thumbnails by which images are compared: 9 x 8 grey values, and the 64-bit difference hash of them.

The difference hash (dHash): a bit for each two neighbours in a row, set when the right one is brighter.
Source: N. Krawetz, "Kind of Like That", https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html
"""

from __future__ import annotations

import numpy as np
from PIL import Image

COLUMNS, ROWS = 9, 8
SIZE = COLUMNS * ROWS


def of(image: Image.Image) -> bytes:
    """The mean grey value (0 to 255) of each of 9 x 8 fields, row by row; what is transparent is white."""
    if image.mode in ("LA", "RGBA"):
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX).tobytes()


def brightness(thumbnail: bytes) -> float:
    """The mean of a thumbnail, 0 (black) to 1 (white)."""
    return sum(thumbnail) / (255 * SIZE)


def difference_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """The dHash of each thumbnail: uint8 [images, 72] to uint64 [images]."""
    fields = thumbnails.reshape(-1, ROWS, COLUMNS)
    bits = fields[:, :, 1:] > fields[:, :, :-1]
    return np.packbits(bits.reshape(len(fields), 64), axis=1).view(">u8").astype(np.uint64).ravel()
