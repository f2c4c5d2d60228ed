"""The content of a packed or plain file as a stream, with the sha256 of the file as it lies on disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import Any

import pyarrow as pa

from common.errors import BadInput

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REST = 1 << 20


class Unpacked(io.RawIOBase):
    """A file to read bytes from: unpacked by its suffix (.gz, .zst), without byte order mark.

    start: bytes of a plain file that are passed over. skipped: bytes of the mark. Reading raises BadInput for a broken .gz or .zst.
    """

    def __init__(self, path: str, start: int = 0) -> None:
        super().__init__()
        self._path = path
        self._raw = _Hashed(path)
        self._raw.file.seek(start)
        self._file: Any = self._raw
        if path.lower().endswith(".zst"):
            self._file = pa.CompressedInputStream(pa.PythonFile(self._raw, mode="r"), "zstd")
        elif path.lower().endswith(".gz"):
            self._file = gzip.GzipFile(fileobj=self._raw)
        head = b"" if start else self._unpacked(len(_BYTE_ORDER_MARK))
        self._ahead = head.removeprefix(_BYTE_ORDER_MARK)
        self.skipped = len(head) - len(self._ahead)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._ahead:
            block, self._ahead = self._ahead[: len(buffer)], self._ahead[len(buffer) :]
        else:
            block = self._unpacked(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def block(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        parts, missing = [self._ahead[:size]], size - len(self._ahead)
        self._ahead = self._ahead[size:]
        while missing > 0 and (part := self._unpacked(missing)):
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def sha256(self) -> str:
        """The sha256 of the whole file on disk, as hexadecimal digits; what was not read yet is read for it."""
        while self._raw.read(_REST):
            pass
        return self._raw.hasher.hexdigest()

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def _unpacked(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except EOFError:
            raise BadInput(f"{self._path}: the gzip file is cut off; copy it again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadInput(
                f"{self._path}: not a readable gzip file ({error}); copy it again, or rename it"
            ) from None
        except OSError as error:
            if not self._path.lower().endswith(".zst"):
                raise
            if "runcated" in str(error):
                raise BadInput(f"{self._path}: the zstd file is cut off; copy it again") from None
            raise BadInput(
                f"{self._path}: not a readable zstd file ({error}); copy it again, or rename it"
            ) from None


class _Hashed(io.RawIOBase):
    """A file that hashes what is read of it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = open(path, "rb")  # noqa: SIM115
        self.hasher = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        block = self.file.read(size)
        self.hasher.update(block)
        return block

    def close(self) -> None:
        self.file.close()
        super().close()
