"""Images as small pictures that stand in the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

from common import orientation
from reports.examples import Example

SIDE = 56
PER_CLASS, MOST_CLASSES = 8, 24
MOST_EXAMPLES, MOST_BYTES = 3_000, 48 * 2**20
MOST_PIXELS = 60_000_000
"""Of all images that are decoded whole: a report is made at the end of every run."""
MAGIC = (b"\x89PNG", b"\xff\xd8\xff")


@dataclass(frozen=True)
class Picture:
    """A thumbnail as a data: URI, with the size of the image that it was made of."""

    uri: str
    width: int
    height: int
    name: str = ""


@dataclass(frozen=True)
class Sheet:
    """Class -> thumbnails, by name; `examples` is how many examples were looked at."""

    classes: dict[str, list[Picture]]
    examples: int
    left_out: int


def is_image(values: list[object]) -> bool:
    """Whether a feature holds one encoded image."""
    return len(values) == 1 and isinstance(values[0], bytes) and values[0].startswith(MAGIC)


def sheet(examples: Iterable[Example], feature: str, label: str) -> Sheet:
    """The first images of each class among the first examples; without a label all are one class.

    left_out: classes beyond MOST_CLASSES that were met.
    """
    chosen: dict[str, list[tuple[bytes, str]]] = {}
    seen = size = 0
    others = set()
    for example in examples:
        values = example.get(feature, [])
        if is_image(values):
            name = text_of(example.get(label, []))
            size += len(values[0])
            if name in chosen or len(chosen) < MOST_CLASSES:
                kept = chosen.setdefault(name, [])
                if len(kept) < PER_CLASS:
                    kept.append((values[0], text_of(example.get("file_name", []))))
            else:
                others.add(name)
        seen += 1
        if seen >= MOST_EXAMPLES or size >= MOST_BYTES:
            break
    pixels = 0
    classes: dict[str, list[Picture]] = {}
    for name in sorted(chosen):
        for encoded, file in chosen[name]:
            if pixels < MOST_PIXELS and (found := thumbnail(encoded, file)) is not None:
                pixels += found.width * found.height // (64 if encoded.startswith(MAGIC[1]) else 1)
                classes.setdefault(name, []).append(found)
    return Sheet(classes, seen, len(others))


def thumbnail(encoded: bytes, name: str = "", side: int = SIDE) -> Picture | None:
    """An image at most `side` pixels high and wide, on white; None for what cannot be decoded."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return None
            image.draft("RGB", (side, side))
            ImageOps.exif_transpose(image, in_place=True)
            if orientation.of(encoded) in orientation.TRANSPOSED:
                width, height = height, width
            small = image.convert("RGBA") if image.mode not in ("L", "RGB") else image.copy()
            small.thumbnail((side, side))
            if small.mode == "RGBA":
                white = Image.new("RGBA", small.size, "white")
                white.alpha_composite(small)
                small = white.convert("RGB")
            kind = "PNG" if small.mode == "L" else "JPEG"
            packed = io.BytesIO()
            small.save(packed, kind, optimize=True, **({"quality": 80} if kind == "JPEG" else {}))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    text = base64.b64encode(packed.getvalue()).decode()
    return Picture(f"data:image/{kind.lower()};base64,{text}", width, height, name)


def text_of(values: list[object]) -> str:
    """The value of a feature as one text."""
    return ", ".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values
    )
