"""From the name of an image to its picture, for each layout."""

from __future__ import annotations

import dataclasses
import hashlib
import os

import numpy as np

from components.columnar_example_gen import fingerprint
from components.image_example_gen import idx, picture
from components.image_example_gen.fingerprint import UNREADABLE
from components.image_example_gen.options import ImageOptions
from components.image_example_gen.problems import AGAIN, UnusableError


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A picture, or why there is none; file and size: sha256 and bytes of its file (no value for a part of one)."""

    result: picture.Picture | UnusableError
    file: str | None = None
    size: int = 0


def load(base: str, name: str, options: ImageOptions) -> Loaded:
    """The image of this name below the base folder, decoded and checked."""
    return _from_idx(base, name) if options.images == "idx" else _from_file(base, name, options.max_pixels)


def _from_file(base: str, name: str, max_pixels: int) -> Loaded:
    path = os.path.join(base, name)
    try:
        with open(path, "rb") as file:
            try:
                found = picture.read(file, name, max_pixels)
                sha256 = hashlib.sha256(found.encoded).hexdigest()
                return Loaded(found, sha256, len(found.encoded))
            except UnusableError as error:
                return Loaded(error, fingerprint.sha256(path), os.path.getsize(path))
    except OSError as error:
        mend = "give the right to read it" if isinstance(error, PermissionError) else AGAIN
        return Loaded(UnusableError(f"the file cannot be read ({error.strerror})", mend), UNREADABLE)


def _from_idx(base: str, name: str) -> Loaded:
    file, _, index = name.rpartition("#")
    images = idx.open_images(os.path.join(base, file))
    pixels = np.frombuffer(images.item(int(index)), np.uint8).reshape(images.shape[1:])
    return Loaded(picture.of_pixels(pixels))
