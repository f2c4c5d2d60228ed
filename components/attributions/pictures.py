"""Attributions of pixels as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

_FOR, _AGAINST = np.array([0.10, 0.42, 0.75]), np.array([0.80, 0.25, 0.10])
_PERCENTILE = 99
"""Of the absolute attributions of a picture: what is larger is drawn as strong as this."""
_SMALLEST = 96
_FAINT = 0.35


def write(file: Path, image: np.ndarray, values: np.ndarray) -> None:
    """The image, and beside it, faintly, with what speaks for the answer in blue and against it in red.

    image: float [H, W, 1 or 3], 0 to 1; values: attributions [H, W].
    """
    colours = np.broadcast_to(image, [*image.shape[:2], 3])
    strength = np.clip(np.abs(values) / (np.percentile(np.abs(values), _PERCENTILE) or 1.0), 0, 1)[..., None]
    grey = 1 - _FAINT + _FAINT * colours.mean(axis=2, keepdims=True)
    shown = grey * (1 - strength) + np.where(values[..., None] > 0, _FOR, _AGAINST) * strength
    _save(file, np.concatenate([colours, shown], axis=1), image.shape[0])


def write_map(file: Path, values: np.ndarray) -> None:
    """Numbers from 0 up, [H, W], as a picture: the darker the larger."""
    strength = values / (values.max() or 1.0)
    _save(file, np.repeat(1 - strength[..., None], 3, axis=2), values.shape[0])


def _save(file: Path, pixels: np.ndarray, height: int) -> None:
    picture = Image.fromarray(np.asarray(np.clip(pixels, 0, 1) * 255 + 0.5, np.uint8))
    factor = max(1, -(-_SMALLEST // height))
    size = (picture.width * factor, picture.height * factor)
    picture.resize(size, Image.Resampling.NEAREST).save(file, optimize=True)
