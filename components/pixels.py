"""Encoded images as the pixels that a model takes, by the model's own code where it exports that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from common import orientation

EXPORTED = "decode_images"
"""Attribute of a SavedModel, a function: encoded images, string [B], to pixels [B, height, width, channels]."""

WHITE = 255.0

Decode = Callable[[Sequence[bytes], Sequence[int]], np.ndarray]
"""From encoded images and (height, width, channels) to pixels 0 to 255, [B, height, width, channels]."""


def decoder(loaded: Any) -> Decode:
    """How the images of a loaded SavedModel are decoded: by itself, else `stretched`."""
    own = getattr(loaded, EXPORTED, None)
    if own is None:
        return stretched
    return lambda encoded, shape: own(tf.constant(encoded)).numpy()


def stretched(encoded: Sequence[bytes], shape: Sequence[int]) -> np.ndarray:
    """Images as `decode` makes them, for a model that does not say."""
    return np.stack([decode(one, shape) for one in encoded])


def upright(pixels: np.ndarray, encoded: bytes) -> np.ndarray:
    """The pixels [height, width, channels] of an encoded image, turned as its EXIF says."""
    turn = orientation.of(encoded)
    if turn in orientation.TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    rows = slice(None, None, -1 if turn in orientation.UPSIDE_DOWN else 1)
    columns = slice(None, None, -1 if turn in orientation.LEFT_RIGHT else 1)
    return pixels[rows, columns]


def decode(encoded: bytes, shape: Sequence[int]) -> np.ndarray:
    """One JPEG or PNG as float32 [height, width, channels], whole numbers 0 to 255.

    It is turned as its EXIF says; what is transparent becomes white; another size is stretched, with antialias; RGB becomes grey by its luma.
    """
    height, width, channels = shape
    if tf.io.is_jpeg(encoded):
        # As most decoders do it: TensorFlow's own default is up to 9 levels off.
        image = tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE")
    else:
        image = tf.io.decode_image(encoded, expand_animations=False)
    image = tf.cast(upright(image.numpy(), encoded), tf.float32)
    if image.shape[2] % 2 == 0:
        alpha = image[..., -1:] / WHITE
        image = tf.round(image[..., :-1] * alpha + WHITE * (1 - alpha))
    if image.shape[:2] != (height, width):
        image = tf.image.resize(image, [height, width], antialias=True)
    if channels == 1 and image.shape[2] == 3:
        image = tf.image.rgb_to_grayscale(image)
    return tf.clip_by_value(tf.round(tf.broadcast_to(image, shape)), 0, WHITE).numpy()
