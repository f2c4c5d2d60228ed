"""Whatever an image is encoded as, it comes out in the one form of the model."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from common import orientation
from components import pixels
from trainer_modules.images.decoding import Form, decode_batch, orientations

RANDOM = np.random.RandomState(3)
RGB = RANDOM.randint(0, 256, (6, 8, 3), np.uint8)
GREY = RANDOM.randint(0, 256, (6, 8, 1), np.uint8)
ALPHA = RANDOM.randint(0, 256, (6, 8, 1), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    return tf.io.encode_png(pixels).numpy()


def form(**changes: Any) -> Form:
    return Form(**{"height": 6, "width": 8, "channels": 3, **changes})


def decoded(encoded: bytes, wanted: Form) -> np.ndarray:
    (found,) = decode_batch(tf.constant([encoded]), wanted)
    assert (found.dtype, found.shape) == (tf.uint8, wanted.shape)
    return found.numpy()


def on_white(colour: np.ndarray) -> np.ndarray:
    share = ALPHA.astype(float) / 255
    return np.round(colour * share + 255 * (1 - share)).astype(np.uint8)


def test_rgb_and_grey_of_the_right_size_are_untouched() -> None:
    np.testing.assert_array_equal(decoded(png(RGB), form()), RGB)
    np.testing.assert_array_equal(decoded(png(GREY), form(channels=1)), GREY)
    np.testing.assert_array_equal(decoded(png(GREY), form()), np.repeat(GREY, 3, axis=2))


def test_colours_become_their_brightness() -> None:
    expected = np.round(RGB @ np.array([0.2989, 0.587, 0.114]))[..., None]
    assert np.abs(decoded(png(RGB), form(channels=1)) - expected).max() <= 1


@pytest.mark.parametrize("colour", [RGB, GREY])
def test_what_is_transparent_becomes_white(colour: np.ndarray) -> None:
    found = decoded(png(np.concatenate([colour, ALPHA], axis=2)), form(channels=colour.shape[2]))
    assert np.abs(found.astype(int) - on_white(colour)).max() <= 1
    clear = np.concatenate([np.zeros([6, 8, 3], np.uint8), np.zeros([6, 8, 1], np.uint8)], axis=2)
    assert (decoded(png(clear), form()) == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_has_the_pixels_that_other_decoders_see(mode: str) -> None:
    packed = io.BytesIO()
    large = np.asarray(Image.fromarray(RGB).resize((40, 30), Image.Resampling.BICUBIC).convert(mode))
    Image.fromarray(large).save(packed, "JPEG", quality=90)
    expected = np.asarray(Image.open(packed)).reshape(30, 40, -1)
    found = decoded(packed.getvalue(), form(height=30, width=40, channels=expected.shape[2]))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_palette_and_sixteen_bits_are_read() -> None:
    packed = io.BytesIO()
    Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=48).save(packed, "PNG")
    assert np.abs(decoded(packed.getvalue(), form()).astype(int) - RGB).mean() < 3
    deep = tf.io.encode_png(tf.constant(GREY.astype(np.uint16) * 257)).numpy()
    np.testing.assert_array_equal(decoded(deep, form(channels=1)), GREY)


def test_stretching_shrinks_by_averages() -> None:
    checks = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    found = decoded(png(checks), form(height=4, width=4, channels=1))
    assert np.abs(found.astype(int) - 127).max() <= 3


def test_padding_keeps_the_shape_and_fills_with_its_value() -> None:
    wide = np.full((4, 8, 1), 100, np.uint8)
    found = decoded(png(wide), form(height=16, width=16, channels=1, resize="pad", pad_value=255))[..., 0]
    assert (found[4:12] == 100).all()
    assert (found[:4] == 255).all()
    assert (found[12:] == 255).all()


def test_cropping_keeps_the_middle() -> None:
    wide = np.repeat(np.array([0, 100, 100, 200], np.uint8), 4)[None, :, None]
    found = decoded(png(np.repeat(wide, 8, axis=0)), form(height=8, width=8, channels=1, resize="crop"))
    assert (found == 100).all()


def test_a_thin_image_keeps_at_least_one_row() -> None:
    line = np.full((1, 400, 1), 50, np.uint8)
    found = decoded(png(line), form(height=8, width=8, channels=1, resize="pad"))[..., 0]
    assert (found == 50).any(axis=1).sum() == 1


def test_a_batch_may_mix_them_and_may_be_empty() -> None:
    mixed = [png(RGB), png(GREY), png(np.concatenate([RGB, ALPHA], axis=2))]
    found = decode_batch(tf.constant([*mixed, tf.io.encode_jpeg(RGB).numpy()]), form()).numpy()
    assert found.shape == (4, 6, 8, 3)
    for one, encoded in zip(found, mixed, strict=False):
        np.testing.assert_array_equal(one, decoded(encoded, form()))
    assert decode_batch(tf.constant([], tf.string), form()).shape == (0, 6, 8, 3)


def photo(turn: int, kind: str, order: str) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112] = "a camera", turn
    written = io.BytesIO()
    Image.fromarray(RGB).resize((80, 60)).save(written, kind, exif=exif)
    return written.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_photos_are_turned_as_their_exif_says(kind: str, order: str) -> None:
    photos = [photo(turn, kind, order) for turn in range(1, 9)]
    assert [orientation.of(one) for one in photos] == list(range(1, 9))
    np.testing.assert_array_equal(orientations(tf.constant(photos)), range(1, 9))
    for encoded in photos:
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
        wanted = form(height=upright.height, width=upright.width)
        np.testing.assert_array_equal(decoded(encoded, wanted), np.asarray(upright))
        np.testing.assert_array_equal(pixels.decode(encoded, wanted.shape), np.asarray(upright))


def test_a_damaged_exif_and_what_is_no_image_are_upright() -> None:
    turned = photo(6, "JPEG", ">")
    start = turned.index(b"Exif\0\0") + 6
    damaged = [turned[:start] + b"\xff" * 8 + turned[start + 8 :], b"", b"x", b"\xff\xd8\xff"]
    damaged += [turned[: start + cut] for cut in (0, 2, 6, 12, 20)]
    assert {orientation.of(one) for one in damaged} == {1}
    np.testing.assert_array_equal(orientations(tf.constant(damaged)), np.ones(len(damaged)))


def test_damage_is_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_batch(tf.constant([b"no image"]), form())
