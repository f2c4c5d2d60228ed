"""The IDX format of the MNIST family, written: unsigned bytes of any number of dimensions, packed or not."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

UNSIGNED_BYTE = 8


def write(path: Path, shape: Sequence[int], blocks: Iterable[bytes]) -> Path:
    """Writes elements, in one or several blocks, with the header for their shape; the same bytes every time.

    Packed when the name ends in .gz. Raises ValueError when the blocks are not as long as the shape says.
    """
    written = 0
    head = struct.pack(f">BBBB{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)
    with path.open("wb") as raw:
        # Neither name nor time: equal content is equal bytes.
        file = gzip.GzipFile("", "wb", 9, raw, mtime=0) if path.suffix == ".gz" else raw
        file.write(head)
        for block in blocks:
            written += file.write(block)
        if file is not raw:
            file.close()
    if written != math.prod(shape):
        raise ValueError(f"{path}: {written} bytes for a shape of {math.prod(shape)}")
    return path
