from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.image_classifier_config import Augmentation
from trainer_modules.images.augmentation import augment

IMAGES = np.random.RandomState(0).rand(16, 12, 10, 3).astype(np.float32)


def changed(images: np.ndarray = IMAGES, seed: int = 1, step: int = 0, **options: Any) -> np.ndarray:
    found = augment(tf.constant(images), Augmentation(**options), seed, tf.constant(step)).numpy()
    assert found.shape == images.shape
    return found


EVERYTHING = {
    "flip": "both",
    "rotation": 20,
    "zoom": 0.2,
    "shift": 0.1,
    "crop": 0.2,
    "brightness": 0.1,
    "contrast": 0.2,
    "saturation": 0.3,
    "hue": 0.1,
}


def test_without_options_images_are_untouched() -> None:
    np.testing.assert_array_equal(changed(), IMAGES)


def test_the_same_seed_and_step_change_images_the_same_way() -> None:
    first = changed(**EVERYTHING)
    np.testing.assert_array_equal(first, changed(**EVERYTHING))
    assert np.abs(first - changed(seed=2, **EVERYTHING)).mean() > 0.05
    assert np.abs(first - changed(step=1, **EVERYTHING)).mean() > 0.05
    assert first.min() >= 0
    assert first.max() <= 1
    assert len({image.tobytes() for image in changed(np.repeat(IMAGES[:1], 16, axis=0), **EVERYTHING)}) == 16


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 1), ("vertical", 0)])
def test_about_half_of_the_images_are_mirrored_exactly(flip: str, axis: int) -> None:
    found = changed(flip=flip)
    same = [np.allclose(new, old, atol=1e-6) for new, old in zip(found, IMAGES, strict=True)]
    mirrored = [
        np.allclose(new, np.flip(old, axis), atol=1e-6) for new, old in zip(found, IMAGES, strict=True)
    ]
    assert 3 <= sum(mirrored) <= 13
    assert sum(same) + sum(mirrored) == 16


def middle_of_light(image: np.ndarray) -> np.ndarray:
    y, x = np.indices(image.shape[:2])
    light = image[..., 0]
    return np.array([(light * y).sum(), (light * x).sum()]) / light.sum()


def dot(y: int, x: int, size: int = 41) -> np.ndarray:
    image = np.zeros((64, size, size, 1), np.float32)
    image[:, y - 1 : y + 2, x - 1 : x + 2] = 1
    return image


def test_a_shift_stays_within_its_share_of_the_sides() -> None:
    places = np.array([middle_of_light(image) for image in changed(dot(20, 20), shift=0.25, fill="constant")])
    moved = np.abs(places - 20)
    assert 7 < moved.max() <= 0.25 * 41 + 1e-3
    assert moved.mean(axis=0) == pytest.approx([5, 5], abs=1.5)


def test_a_rotation_turns_around_the_middle_by_at_most_its_angle() -> None:
    places = np.array(
        [middle_of_light(image) for image in changed(dot(20, 35), rotation=30, fill="constant")]
    )
    radius = np.hypot(*(places - 20).T)
    angles = np.degrees(np.arctan2(places[:, 0] - 20, places[:, 1] - 20))
    assert radius == pytest.approx(15, abs=0.2)
    assert 20 < np.abs(angles).max() <= 30.5
    assert angles.min() < -10 < 10 < angles.max()


def test_zoom_and_crop_change_the_distance_from_the_middle() -> None:
    def distances(**options: Any) -> np.ndarray:
        pair = np.maximum(dot(20, 12), dot(20, 28))
        found = changed(pair, fill="constant", **options)[..., 0].max(axis=1)
        return np.array([np.diff(np.flatnonzero(line > 0.4)[[0, -1]])[0] for line in found])

    zoomed = distances(zoom=0.25)
    assert 13 <= zoomed.min() < 17
    assert 20 < zoomed.max() <= 18 * 1.25 + 2
    cropped = distances(crop=0.25)
    assert cropped.min() >= 17
    assert 21 < cropped.max() <= 18 / 0.75 + 2


def test_what_comes_in_from_outside_is_black_only_if_asked_for() -> None:
    white = np.ones((8, 20, 20, 1), np.float32)
    assert changed(white, rotation=45).min() == pytest.approx(1.0, abs=1e-6)
    assert changed(white, rotation=45, fill="constant").min() == 0


def test_hue_turns_colours_and_leaves_grey() -> None:
    red = np.tile(np.array([0.6, 0.4, 0.4], np.float32), (64, 2, 2, 1))
    hues = [
        (colorsys.rgb_to_hsv(*image[0, 0])[0] + 0.5) % 1 - 0.5
        for image in changed(red, hue=0.1).astype(float)
    ]
    assert -0.15 < min(hues) < -0.05
    assert 0.05 < max(hues) < 0.15
    grey = np.full((4, 2, 2, 3), 0.4, np.float32)
    np.testing.assert_allclose(changed(grey, hue=0.3, saturation=0.5), grey, atol=1e-3)


def test_saturation_scales_the_distance_to_grey() -> None:
    red = np.tile(np.array([0.6, 0.4, 0.4], np.float32), (64, 2, 2, 1))
    found = changed(red, saturation=0.5)[:, 0, 0]
    spread = (found[:, 0] - found[:, 1]) / 0.2
    assert 0.5 <= spread.min() < 0.7
    assert 1.3 < spread.max() <= 1.5
    luma = found @ np.array([0.2989, 0.587, 0.114])
    assert luma == pytest.approx(luma[0], abs=1e-3)


def test_brightness_and_contrast() -> None:
    flat = np.full((64, 2, 2, 1), 0.5, np.float32)
    lighter = changed(flat, brightness=0.2)[:, 0, 0, 0] - 0.5
    assert -0.2 <= lighter.min() < -0.15
    assert 0.15 < lighter.max() <= 0.2
    halves = flat.copy()
    halves[:, 0], halves[:, 1] = 0.4, 0.6
    found = changed(halves, contrast=0.5)
    spread = (found[:, 1, 0, 0] - found[:, 0, 0, 0]) / 0.2
    assert 0.5 <= spread.min() < 0.65
    assert 1.35 < spread.max() <= 1.5 + 1e-5
    assert found.mean(axis=(1, 2, 3)) == pytest.approx(0.5, abs=1e-5)


def test_grey_images_take_every_option() -> None:
    assert changed(IMAGES[..., :1], **EVERYTHING).std() > 0
