"""The IDX format of the MNIST family: https://yann.lecun.org/exdb/mnist/ (section "The IDX file format").

Two zero bytes, the type of the elements (8: unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit integer, and the elements, the last dimension running fastest. Files may be packed with gzip.
"""

from __future__ import annotations

import functools
import gzip
import math
import os
import struct
import tempfile
import zlib
from collections.abc import Sequence
from typing import IO, Any

from common.errors import BadInput

_UNSIGNED_BYTE = 8
_OTHER_TYPES = {9: "signed bytes", 11: "16-bit integers", 12: "32-bit integers", 13: "floats", 14: "doubles"}
_BLOCK = 1 << 20


class IdxFile:
    """An IDX file of unsigned bytes whose elements can be read in any order.

    shape: its dimensions. What is packed is unpacked to a temporary file, so that memory stays flat.
    Raises BadInput for a file that is not IDX, holds other types, or is longer or shorter than its dimensions say.
    """

    def __init__(self, path: str, dimensions: Sequence[int]) -> None:
        """dimensions: which numbers of dimensions are allowed."""
        self.path = path
        self._file: IO[Any] = _plain(path)
        self.shape = _shape(path, self._file, dimensions)
        self._offset = 4 + 4 * len(self.shape)
        self.item_size = math.prod(self.shape[1:])
        expected = self._offset + math.prod(self.shape)
        found = os.fstat(self._file.fileno()).st_size
        if found != expected:
            how = "cut off" if found < expected else "too long"
            raise BadInput(
                f"{path}: the file is {how}: its header says {' x '.join(map(str, self.shape))} bytes, {expected} with"
                f" the header, but there are {found}; copy it again"
            )

    def __len__(self) -> int:
        return self.shape[0]

    def item(self, index: int) -> bytes:
        """The elements with this first index."""
        return os.pread(self._file.fileno(), self.item_size, self._offset + index * self.item_size)

    def all(self) -> bytes:
        """All elements."""
        return os.pread(self._file.fileno(), math.prod(self.shape), self._offset)


def open_images(path: str) -> IdxFile:
    """A file of images [count, height, width] or [count, height, width, channels], opened once per process."""
    modified = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
    return _opened(path, modified)


@functools.lru_cache(maxsize=8)
def _opened(path: str, modified: int) -> IdxFile:
    return IdxFile(path, (3, 4))


def _plain(path: str) -> IO[Any]:
    """The file, or its unpacked content in a temporary file without a name."""
    if not path.endswith(".gz"):
        try:
            return open(path, "rb")
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror}); give the right to read it") from None
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the IdxFile that keeps it
    try:
        with gzip.open(path) as packed:
            while block := packed.read(_BLOCK):
                unpacked.write(block)
    except EOFError:
        raise BadInput(f"{path}: the gzip file is cut off; copy it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable gzip file ({error}); copy it again") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give the right to read it") from None
    unpacked.flush()
    return unpacked


def _shape(path: str, file: IO[Any], dimensions: Sequence[int]) -> tuple[int, ...]:
    file.seek(0)
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise BadInput(
            f"{path}: not an IDX file: it begins with {head!r}, not with two zero bytes; copy it again"
        )
    kind, count = head[2], head[3]
    if kind != _UNSIGNED_BYTE:
        what = _OTHER_TYPES.get(kind, f"elements of type {kind}")
        raise BadInput(
            f"{path}: the IDX file holds {what}, not unsigned bytes; write the values as bytes of 0 to 255"
        )
    if count not in dimensions:
        wanted = " or ".join(map(str, dimensions))
        raise BadInput(
            f"{path}: the IDX file has {count} dimensions, not {wanted}; are images and labels swapped?"
        )
    sizes = file.read(4 * count)
    if len(sizes) < 4 * count:
        raise BadInput(f"{path}: the file is cut off within its header; copy it again")
    shape = struct.unpack(f">{count}I", sizes)
    if not all(shape):
        raise BadInput(
            f"{path}: its header says {' x '.join(map(str, shape))}: there is nothing in it; copy it again"
        )
    return shape
