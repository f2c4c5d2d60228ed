"""Files that are not UTF-8: where, and what they most likely are instead."""

from __future__ import annotations

import codecs
import os

from common.errors import BadInput

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE = 1 << 16
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\r\f\x1b"))
"""What texts do not hold, but for a stray one."""
_STRAY = 50


def check_start(path: str, block: bytes) -> None:
    """Raises BadInput for UTF-16 and UTF-32, which begin with a mark or consist of zeros for a good part."""
    for mark, name in _MARKS.items():
        if block.startswith(mark):
            raise _other(path, 1, f"byte 0x{block[0]:02x} at offset 0 is not UTF-8", name)
    sample = block[:SAMPLE]
    if len(sample) >= 2 and sample.count(0) * 4 > len(sample):
        first = sample.index(0)
        if sample.count(0) * 10 > 9 * len(sample):
            raise _no_text(path, 1, f"byte 0x00 at offset {first}")
        name = "utf-16le" if first % 2 else "utf-16be"
        raise _other(path, 1, f"every other byte is 0, the first at offset {first}", name)


def not_utf8(path: str, line: int, offset: int, rest: bytes, around: bytes) -> BadInput:
    """The error for bytes that are not UTF-8: `rest` begins with them, `around` is what was read with them."""
    what = f"byte 0x{rest[0]:02x} at offset {offset} is not UTF-8"
    if rest[0] == 0xED and len(rest) > 1 and rest[1] >= 0xA0:
        return BadInput(
            f"{path}:{line}: {what}: half of a surrogate pair, as old programs write emoji; save the file anew as UTF-8,"
            f" or leave such bytes out: iconv -c -f utf-8 -t utf-8 {_shell(path)}"
        )
    begin = max(0, len(around) - len(rest) - SAMPLE // 2)
    sample = around[begin : begin + SAMPLE]
    if (len(sample) - len(sample.translate(None, _CONTROLS))) * _STRAY > len(sample):
        return _no_text(path, line, f"byte 0x{rest[0]:02x} at offset {offset}")
    return _other(path, line, what, likely(sample))


def likely(sample: bytes) -> str:
    """The most likely one-byte encoding of bytes that are not UTF-8, as iconv names it."""
    high = [byte for byte in sample if byte >= 0x80]
    letters = sum(65 <= byte & ~32 <= 90 for byte in sample)
    if len(high) > letters:
        # Most letters are outside ASCII: Cyrillic, of the alphabets with a code page that is still met.
        return "windows-1251" if sum(byte >= 0xE0 for byte in high) * 2 > len(high) else "koi8-r"
    return "windows-1252" if any(byte < 0xA0 for byte in high) else "latin1"


def _no_text(path: str, line: int, what: str) -> BadInput:
    return BadInput(
        f"{path}:{line}: {what}, among other bytes that stand in no text: this file is none (a spreadsheet has to be saved"
        " as CSV); give one that is, or take it out"
    )


def _other(path: str, line: int, what: str, name: str) -> BadInput:
    return BadInput(
        f"{path}:{line}: {what}; it looks like {name}: iconv -f {name} -t utf-8 {_shell(path)}, into a new file"
    )


def _shell(path: str) -> str:
    return os.path.basename(path)
