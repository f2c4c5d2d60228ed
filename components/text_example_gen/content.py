"""The content of a file as UTF-8 without byte order mark, unpacked and checked on the way, block by block."""

from __future__ import annotations

import codecs
import io
import threading
from collections.abc import Iterator

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen import encodings

PACKED = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 1 << 20
_LONGEST_WAIT = 60.0
"""Seconds; a reader that needs more blocks than `ahead` before it gives anything is not held up for ever."""


class CheckedFile(io.RawIOBase):
    """A file to read bytes from: unpacked by its suffix, without byte order mark, NUL bytes turned into spaces.

    Raises BadInput naming line and byte for what is not UTF-8, and for a packed file that is cut off.
    quotes: how many were read so far. ahead: how many blocks may be read that `taken` was not called for, as Arrow reads
    up to 32 of them in a thread of its own.
    """

    def __init__(self, path: str, ahead: int | None = None) -> None:
        super().__init__()
        self._ahead, self._waiting = ahead, 0
        self._changed = threading.Condition()
        self._path = path
        self._packing = next((kind for suffix, kind in PACKED.items() if path.lower().endswith(suffix)), None)
        self._file = pa.input_stream(path, compression=self._packing)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._offset, self._line = 0, 1
        self._pending = self._before = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; nothing at the end."""
        self._wait()
        if size < 0:
            return b"".join(iter(lambda: self.read(_BLOCK), b""))
        while True:
            block = self._unpacked(size)
            start = self._offset
            self._offset += len(block)
            self._check(block, start)
            if start == 0:
                block = block.removeprefix(codecs.BOM_UTF8)
            if block or self._offset == start:
                break
        self.quotes += block.count(b'"')
        return block.replace(b"\0", b" ") if b"\0" in block else block

    def taken(self) -> None:
        """Says that what came of a block is in use, so that another one may be read."""
        with self._changed:
            self._waiting -= 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._ahead = None
            self._changed.notify_all()
        self._file.close()
        super().close()

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ahead is None or self._waiting < self._ahead, timeout=_LONGEST_WAIT
            )
            self._waiting += 1

    def _unpacked(self, size: int) -> bytes:
        try:
            # A byte order mark has to come in one piece.
            return self._file.read(max(size, 4))
        except OSError as error:
            if not self._packing:
                raise BadInput(f"{self._path}: cannot be read ({error}); copy it again") from None
            what = "is cut off" if "runcated" in str(error) else f"is no {self._packing} file"
            raise BadInput(f"{self._path}: the {self._packing} file {what}; copy it again") from None

    def _check(self, block: bytes, start: int) -> None:
        whole = self._pending + block
        if start == 0:
            encodings.check_start(self._path, block)
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = self._line + whole.count(b"\n", 0, error.start)
            offset = start - len(self._pending) + error.start
            raise encodings.not_utf8(
                self._path, line, offset, whole[error.start :], self._before + whole
            ) from None
        self._line += block.count(b"\n")
        self._pending = self._decoder.getstate()[0]
        self._before = block[-encodings.SAMPLE :]


def blocks(path: str) -> Iterator[str]:
    """The text of a file in pieces, with line ends as they are in it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with CheckedFile(path) as file:
        while block := file.read(_BLOCK):
            yield decoder.decode(block)


def lines(path: str) -> Iterator[str]:
    """The lines of a file without their ends, LF or CR LF; other separators of Unicode end no line.

    Lines of two files stay side by side only if nothing else ends one.
    """
    begun: list[str] = []
    for block in blocks(path):
        first, *others = block.split("\n")
        begun.append(first)
        for following in others:
            yield "".join(begun).removesuffix("\r")
            begun = [following]
    if any(begun):
        yield "".join(begun).removesuffix("\r")


def unified(text: str) -> str:
    """The text with line ends of any kind as LF, and spaces in the place of NUL."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", " ") if "\0" in text else text
