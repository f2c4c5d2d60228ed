"""One image, looked at: whether it decodes, its size, the hash of its pixels and a thumbnail.

Images are decoded by TensorFlow's own op, which training uses too: it refuses damage that Pillow lets pass (a wrong
checksum at the end of a PNG), so that what was accepted here does not end a training run. A photo that is stored turned is looked at
as its EXIF says, as training does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from typing import IO

import numpy as np
import tensorflow as tf
from PIL import Image

from components.image_example_gen import header, thumbnails
from components.image_example_gen.problems import AGAIN, UnusableError
from components.pixels import upright

_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image as it is stored, and what is known of it.

    encoded: JPEG or PNG. height, width, channels: of the decoded, upright image; channels is 1 (grey), 2 (grey, alpha),
    3 (RGB) or 4 (RGBA), 8 bits each. content: sha256 of size and pixels. thumbnail: as `thumbnails.of` makes it.
    """

    encoded: bytes
    height: int
    width: int
    channels: int
    content: bytes
    thumbnail: bytes

    @property
    def size(self) -> int:
        """Pixels: height x width."""
        return self.height * self.width


def read(file: IO[bytes], name: str, max_pixels: int) -> Picture:
    """The image in an open file. Raises UnusableError, with the mend, when it cannot be used."""
    head = header.read(file, name, max_pixels)
    encoded = file.read()
    try:
        pixels = tf.io.decode_image(encoded, expand_animations=False).numpy()
    except tf.errors.OpError:
        cut = _END[head.format] not in encoded[-1024:]
        what = "is cut off: its end is missing" if cut else "is damaged"
        raise UnusableError(f"the {head.format} {what}", AGAIN) from None
    return _picture(encoded, upright(pixels, encoded))


def of_pixels(pixels: np.ndarray) -> Picture:
    """The picture of raw pixels, uint8 [height, width] or [height, width, channels], as a PNG without loss."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    packed = io.BytesIO()
    _image(pixels).save(packed, "PNG")
    return _picture(packed.getvalue(), pixels)


def _picture(encoded: bytes, pixels: np.ndarray) -> Picture:
    height, width, channels = pixels.shape
    content = hashlib.sha256(f"{height} {width} {channels} ".encode())
    content.update(np.ascontiguousarray(pixels).data)
    return Picture(encoded, height, width, channels, content.digest(), thumbnails.of(_image(pixels)))


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.squeeze(pixels, 2) if pixels.shape[2] == 1 else pixels)
