"""The worst answers of a run's model, as the evaluation keeps them, with small pictures that stand in the page."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.evaluator.constants import MISTAKES, MISTAKES_FILE

THUMBNAIL = 112
"""Pixels of the longer side, at most."""
MOST_PIXELS = 50_000_000
LONGEST_TEXT = 600
_PLAIN = ("RGB", "L")


def read(folder: Path, most: int = 24) -> list[dict[str, Any]]:
    """The worst answers in the folder of an evaluation, each as in mistakes.json with `pictures` (data: URIs).

    Texts of the features are cut; an answer whose picture is gone or damaged has none.
    """
    file = folder / MISTAKES / MISTAKES_FILE
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    found: list[dict[str, Any]] = []
    of_output: dict[str, int] = {}
    for row in rows:
        output = row.get("output", "")
        of_output[output] = of_output.get(output, 0) + 1
        if of_output[output] <= most:
            pictures = [thumbnail(folder / MISTAKES / Path(name).name) for name in row.get("files", [])]
            features = {name: _shown(value) for name, value in row.get("features", {}).items()}
            found.append({**row, "features": features, "pictures": [one for one in pictures if one]})
    return found


def thumbnail(file: Path) -> str | None:
    """A picture, about as large as THUMBNAIL, as a data: URI; None where it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            ImageOps.exif_transpose(opened, in_place=True)
            picture = opened if opened.mode in _PLAIN else opened.convert("RGB")
            picture.thumbnail((THUMBNAIL, THUMBNAIL))
            factor = THUMBNAIL // max(picture.size)
            if factor > 1:
                size = (picture.width * factor, picture.height * factor)
                picture = picture.resize(size, Image.Resampling.NEAREST)
            return encoded(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def encoded(picture: Any) -> str:
    """A PIL image as a data: URI, PNG where it is small and else JPEG."""
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    kind = "png"
    if written.tell() > 12_000:
        written = io.BytesIO()
        picture.save(written, "JPEG", quality=82)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"


def whole(file: Path) -> str | None:
    """A picture of the project's own in its own size as a data: URI; None where it is gone."""
    try:
        return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
    except OSError:
        return None


def is_text(features: Mapping[str, Any]) -> bool:
    """Whether a long text is among the features."""
    return any(isinstance(value, str) and len(value) > 80 for value in features.values())


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}..."
    return value
