"""Random changes of training images, the same for the same seed and step."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from trainer_modules.image_classifier_config import Augmentation
from trainer_modules.images.decoding import LUMA

GEOMETRY = ("rotation", "zoom", "shift", "crop")
COLOUR = ("saturation", "hue")
YIQ = ((*LUMA,), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""RGB to brightness and two axes of colour (NTSC): turning the latter two changes the hue."""

_DRAWS = 12


def augment(images: tf.Tensor, augmentation: Augmentation, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Change float32 images [B, H, W, C] in 0..1 at random; the same seed and step change them the same way."""
    if augmentation == Augmentation(fill=augmentation.fill):
        return images
    seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    draws = tf.random.stateless_uniform([tf.shape(images)[0], _DRAWS], seeds, minval=-1.0)
    random = tf.unstack(draws, axis=1)
    if augmentation.flip != "none" or any(getattr(augmentation, name) for name in GEOMETRY):
        images = _moved(images, augmentation, random[:7])
    return tf.clip_by_value(_coloured(images, augmentation, random[7:]), 0.0, 1.0)


def _moved(images: tf.Tensor, augmentation: Augmentation, random: list[tf.Tensor]) -> tf.Tensor:
    """Flip, turn, zoom, cut and shift in one step, so that pixels are interpolated once."""
    horizontal, vertical, turn, zoom, cut, down, right = random
    height, width = images.shape[1:3]
    one = tf.ones_like(turn)
    flip_x = tf.where(horizontal < 0, -one, one) if augmentation.flip in ("horizontal", "both") else one
    flip_y = tf.where(vertical < 0, -one, one) if augmentation.flip in ("vertical", "both") else one
    angle = turn * math.radians(augmentation.rotation)
    kept = 1 - augmentation.crop * (cut + 1) / 2
    scale = kept / (1 + augmentation.zoom * zoom)
    # A cut may lie anywhere in the image.
    shift_x = right * (augmentation.shift + (1 - kept) / 2) * width
    shift_y = down * (augmentation.shift + (1 - kept) / 2) * height
    # From the place in the new image to that in the old one, both from the middle.
    xx, xy = tf.cos(angle) * scale * flip_x, -tf.sin(angle) * scale * flip_y
    yx, yy = tf.sin(angle) * scale * flip_x, tf.cos(angle) * scale * flip_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros_like(one)
    transforms = tf.stack(
        [
            xx,
            xy,
            middle_x + shift_x - xx * middle_x - xy * middle_y,
            yx,
            yy,
            middle_y + shift_y - yx * middle_x - yy * middle_y,
            zero,
            zero,
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=augmentation.fill.upper(),
    )


def _coloured(images: tf.Tensor, augmentation: Augmentation, random: list[tf.Tensor]) -> tf.Tensor:
    brightness, contrast, saturation, hue = (draw[:, None, None, None] for draw in random[:4])
    if images.shape[3] == 3 and any(getattr(augmentation, name) for name in COLOUR):
        turn = hue[:, :, 0, 0] * augmentation.hue * 2 * math.pi
        images = _colours(images, turn, 1 + augmentation.saturation * saturation[:, :, 0, 0])
    if augmentation.contrast:
        mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
        images = mean + (images - mean) * (1 + augmentation.contrast * contrast)
    if augmentation.brightness:
        images += augmentation.brightness * brightness
    return images


def _colours(images: tf.Tensor, turn: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """Turn hues and scale saturations of RGB images: `turn` [B, 1] in radians, `saturation` [B, 1] a factor."""
    there = tf.constant(YIQ)
    cosine, sine = tf.cos(turn) * saturation, tf.sin(turn) * saturation
    one, zero = tf.ones_like(turn), tf.zeros_like(turn)
    rows: list[Any] = [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]]
    between = tf.stack([tf.concat(row, axis=1) for row in rows], axis=1)
    change = tf.linalg.inv(there) @ between @ there
    return tf.einsum("bhwc,bdc->bhwd", images, change)
