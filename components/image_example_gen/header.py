"""What the first bytes of an image file tell: format, size, frames. Nothing is decoded."""

from __future__ import annotations

import codecs
import dataclasses
import os
from typing import IO

from PIL import JpegImagePlugin, PngImagePlugin

from components.image_example_gen.problems import AGAIN, CONVERT, UnusableError

_MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_OTHER_MAGIC = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"%PDF": "PDF",
    b"\0\0\0\x0cJXL ": "JPEG XL",
}
_BOXES = {b"avif": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}
_SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png"}


@dataclasses.dataclass(frozen=True)
class Header:
    """Format (JPEG or PNG) and size in pixels."""

    format: str
    height: int
    width: int


def read(file: IO[bytes], name: str, max_pixels: int) -> Header:
    """The header of an open file, which is left at its beginning.

    Pillow's own openers are not asked to guess: they would warn of, or refuse, large images by a rule of their own.
    Raises UnusableError for a file that is empty, no JPEG or PNG, named as the other, animated, or larger than
    `max_pixels`.
    """
    start = file.read(16)
    if not start:
        raise UnusableError("the file is empty (0 bytes)", AGAIN)
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "")
    suffix = os.path.splitext(name)[1].lower()
    if not kind:
        raise _not_an_image(
            start + file.read(1 << 10), f"a {_SUFFIXES[suffix]}" if suffix in _SUFFIXES else "an image"
        )
    if _SUFFIXES.get(suffix, kind) != kind:
        raise UnusableError(
            f"the file is a {kind}, though it is named {suffix}", f"rename it to {_SUFFIX_OF[kind]}"
        )
    file.seek(0)
    opener = PngImagePlugin.PngImageFile if kind == "PNG" else JpegImagePlugin.JpegImageFile
    try:
        image = opener(file)
        width, height = image.size
        frames = getattr(image, "n_frames", 1)
    except Exception:
        # Pillow's parsers raise whatever they stumble over: SyntaxError, struct.error, ValueError, KeyError.
        raise UnusableError(f"the header of the {kind} is damaged or cut off", AGAIN) from None
    if frames > 1:
        raise UnusableError(
            f"the PNG is animated ({frames} frames)", "save one frame as an image, or take it out"
        )
    if height * width > max_pixels:
        raise UnusableError(
            f"{width:,} x {height:,} pixels are more than data.max_pixels: {max_pixels:,}",
            "make it smaller, or raise data.max_pixels",
        )
    file.seek(0)
    return Header(kind, height, width)


def _not_an_image(start: bytes, named: str) -> UnusableError:
    other = next((kind for magic, kind in _OTHER_MAGIC.items() if start.startswith(magic)), "")
    if start[4:8] == b"ftyp":
        other = _BOXES.get(start[8:12], "video or HEIF file")
    if other:
        return UnusableError(f"the file holds a {other}, not {named}", CONVERT)
    if _is_text(start):
        begin = " ".join(start.decode("utf-8", "ignore").split())[:20]
        return UnusableError(f"the file holds text ({begin!r}...), not {named}", AGAIN)
    return UnusableError("the file holds neither a JPEG nor a PNG", AGAIN)


def _is_text(start: bytes) -> bool:
    try:
        # The piece may end within a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
