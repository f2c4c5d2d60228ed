"""Encoded images to pixels of one form, by the same operations in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from common import orientation

WHITE = 255.0
LUMA = (0.2989, 0.5870, 0.1140)
"""Weights of red, green and blue in a grey image (ITU-R BT.601), as TensorFlow rounds them."""


@dataclass(frozen=True)
class Form:
    """Height, width and channels (1 or 3) of the images of a model, and how other images become so."""

    height: int
    width: int
    channels: int
    resize: str = "stretch"
    pad_value: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def bytes(self) -> int:
        """Memory of one decoded image."""
        return self.height * self.width * self.channels


def decode_batch(encoded: tf.Tensor, form: Form) -> tf.Tensor:
    """Decode JPEGs and PNGs, string [B], to uint8 [B, H, W, C] of the form.

    They are turned as their EXIF says. Grey and RGB become each other as the form asks; what is transparent becomes white.
    """
    return tf.map_fn(
        lambda one: _decode(one[0], one[1], form),
        (encoded, orientations(encoded)),
        fn_output_signature=tf.TensorSpec(form.shape, tf.uint8),
    )


def orientations(encoded: tf.Tensor) -> tf.Tensor:
    """Read how encoded images, string [B], are to be turned: uint8 [B], as `common.orientation.of` does."""
    found = tf.strings.substr(encoded, 0, orientation.HEAD)
    for mark in orientation.MARKS:
        parts = tf.strings.split(found, mark, maxsplit=1)
        found = tf.gather(parts.values, parts.row_limits() - 1)
    exif = tf.strings.substr(found, 0, orientation.DIRECTORY)
    matched = tf.strings.regex_replace(exif, orientation.pattern(r"\C"), r"\1\2")
    upright = tf.fill(tf.shape(encoded), bytes([orientation.UPRIGHT]))
    one_byte = tf.where(matched != exif, matched, upright)
    return tf.io.decode_raw(one_byte, tf.uint8, fixed_length=1)[:, 0]


def _decode(encoded: tf.Tensor, turn: tf.Tensor, form: Form) -> tf.Tensor:
    pixels = tf.cond(
        tf.io.is_jpeg(encoded),
        # As other decoders do it: TensorFlow's own default is up to 9 levels off.
        lambda: tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(encoded, expand_animations=False),
    )
    pixels.set_shape([None, None, None])
    pixels = tf.cond(turn == orientation.UPRIGHT, lambda: pixels, lambda: _turned(pixels, turn))
    pixels.set_shape([None, None, None])
    right = tf.reduce_all(tf.shape(pixels) == form.shape)
    pixels = tf.cond(right, lambda: pixels, lambda: _brought_to(pixels, form))
    return tf.ensure_shape(pixels, form.shape)


def scaled(pixels: Any) -> tf.Tensor:
    """Pixels in 0..255 to float32 in 0..1, as the architectures take them."""
    return tf.cast(pixels, tf.float32) / WHITE


def _turned(pixels: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    def among(turns: tuple[int, ...]) -> tf.Tensor:
        return tf.reduce_any(turn == tf.constant(turns, tf.uint8))

    axes = tf.where(among(orientation.TRANSPOSED), [1, 0, 2], [0, 1, 2])
    mirrored = [among(orientation.UPSIDE_DOWN), among(orientation.LEFT_RIGHT), False]
    return tf.raw_ops.Reverse(tensor=tf.transpose(pixels, axes), dims=tf.stack(mirrored))


def _brought_to(pixels: tf.Tensor, form: Form) -> tf.Tensor:
    pixels = tf.cond(tf.shape(pixels)[2] % 2 == 0, lambda: _on_white(pixels), lambda: pixels)
    pixels.set_shape([None, None, None])
    size = tf.shape(pixels)[:2]
    resized = tf.cond(
        tf.reduce_all(size == [form.height, form.width]),
        lambda: tf.cast(pixels, tf.float32),
        lambda: _resized(pixels, size, form),
    )
    resized.set_shape([form.height, form.width, None])
    if form.channels == 3:
        resized = tf.broadcast_to(resized, form.shape)
    else:
        weights = tf.cond(tf.shape(resized)[2] == 1, lambda: tf.ones([1]), lambda: tf.constant(LUMA))
        resized = tf.reduce_sum(resized * weights, axis=2, keepdims=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def _on_white(pixels: tf.Tensor) -> tf.Tensor:
    values = tf.cast(pixels, tf.float32)
    alpha = values[..., -1:] / WHITE
    return tf.saturate_cast(tf.round(values[..., :-1] * alpha + WHITE * (1 - alpha)), tf.uint8)


def _resized(pixels: tf.Tensor, size: tf.Tensor, form: Form) -> tf.Tensor:
    """Pixels [h, w, c] to float32 [H, W, c]; sides that shrink are averaged (antialias)."""
    wanted = tf.constant([form.height, form.width])
    if form.resize == "stretch":
        return tf.image.resize(pixels, wanted, antialias=True)
    ratios = tf.cast(wanted, tf.float64) / tf.cast(size, tf.float64)
    ratio = tf.reduce_min(ratios) if form.resize == "pad" else tf.reduce_max(ratios)
    inner = tf.maximum(tf.cast(tf.round(tf.cast(size, tf.float64) * ratio), tf.int32), 1)
    resized = tf.image.resize(pixels, inner, antialias=True)
    if form.resize == "pad":
        before = (wanted - inner) // 2
        around = tf.stack([before, wanted - inner - before], axis=1)
        return tf.pad(resized, tf.concat([around, [[0, 0]]], axis=0), constant_values=form.pad_value)
    start = (inner - wanted) // 2
    return tf.slice(resized, tf.concat([start, [0]], axis=0), tf.concat([wanted, [-1]], axis=0))
