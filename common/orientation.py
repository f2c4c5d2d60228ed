"""How a photo is to be turned before it is seen: the orientation in the EXIF of a JPEG or PNG.

`of` reads it from bytes. A TensorFlow graph reads it by the same rule: what stands behind the MARKS in the first HEAD
bytes, and of that DIRECTORY bytes, matched with `pattern`. The tag is in the first directory of the TIFF structure that
EXIF is (TIFF 6.0, section 2; Exif 3.0, 4.6.5), which every camera writes right behind its header.
"""

from __future__ import annotations

import re

UPRIGHT = 1
TRANSPOSED = (5, 6, 7, 8)
"""Rows are columns; this is mended first, then a mirrored side."""
LEFT_RIGHT = (2, 3, 6, 7)
UPSIDE_DOWN = (3, 4, 7, 8)

MARKS = (b"Exif\0\0", b"eXIf")
"""What stands before the EXIF of a JPEG, and of a PNG."""
HEAD = 1 << 16
DIRECTORY = 300


def pattern(any_byte: str) -> str:
    """A regular expression for EXIF, whose first or second group is the orientation (a byte, 2 to 8).

    any_byte: what matches one byte of any kind, which engines write in different ways. Of the tags, which are sorted, at
    most 20 stand before this one.
    """
    before = rf"{any_byte}{{2}}(?:{any_byte}{{12}}){{0,20}}?"
    motorola = rf"MM\x00\*\x00\x00\x00\x08{before}\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x02-\x08])"
    intel = rf"II\*\x00\x08\x00\x00\x00{before}\x12\x01\x03\x00\x01\x00\x00\x00([\x02-\x08])\x00"
    return rf"^(?:{motorola}|{intel}){any_byte}*$"


_PATTERN = re.compile(pattern(r"[\s\S]").encode())


def of(encoded: bytes) -> int:
    """The orientation of a JPEG or PNG, 1 (upright) to 8; a damaged EXIF tells nothing, which is upright."""
    found = encoded[:HEAD]
    for mark in MARKS:
        found = found.split(mark, 1)[-1]
    matched = _PATTERN.match(found[:DIRECTORY])
    return (matched[1] or matched[2])[0] if matched else UPRIGHT
