"""What people should know of images that can be used: it is on the artifact, from where the summary takes it."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tfx import types

from components.image_example_gen.constants import WARNINGS
from components.image_example_gen.orientation import is_turned
from tests.components.image_example_gen.images import encoded, pixels, run, write_classes, write_file

ORIENTATION = 0x0112


def photo(orientation: int | None, kind: str = "JPEG", **more: Any) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    return encoded(pixels(7), kind, exif=exif, **more)


def warnings(examples: types.Artifact) -> list[str]:
    return json.loads(examples.get_string_custom_property(WARNINGS))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_orientation_of_a_photo(kind: str) -> None:
    assert [is_turned(photo(value, kind)) for value in (None, 1, 2, 3, 6, 8)] == [False] * 2 + [True] * 4
    assert not is_turned(encoded(pixels(7), kind))


def test_the_orientation_behind_other_segments_and_behind_the_pixels() -> None:
    assert is_turned(photo(6, icc_profile=os.urandom(3000), comment=b"x" * 2000))
    plain, exif = encoded(pixels(7)), photo(6, "PNG")
    start = exif.index(b"eXIf") - 4
    (size,) = struct.unpack(">I", exif[start : start + 4])
    chunk = exif[start : start + 12 + size]
    end = plain.index(b"IEND") - 4
    assert is_turned(plain[:end] + chunk + plain[end:])


@pytest.mark.parametrize("cut", [0, 2, 6, 12, 20])
def test_a_damaged_exif_tells_nothing(cut: int) -> None:
    turned = photo(6)
    start = turned.index(b"Exif\0\0") + 6
    assert is_turned(turned[:start] + b"\xff" * 8 + turned[start + 8 :]) is False
    assert is_turned(turned[: start + cut]) is False


def test_photos_that_are_stored_turned_are_counted_and_named(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    for name in ("a.jpg", "b.jpg"):
        write_file(folder / "dog" / name, encoded(pixels(ord(name[0])), "JPEG"))
    write_file(folder / "dog" / "upright.jpg", photo(1))
    write_file(folder / "dog" / "c.jpg", photo(6))
    examples = run(folder, tmp_path)
    assert examples.get_int_custom_property("turned_images") == 1
    assert warnings(examples) == [
        "1 photo is stored turned, and seen so in training and in serving, for example dog/c.jpg: turn by the EXIF"
        " orientation with mogrify -auto-orient"
    ]


def test_copies_in_two_classes_are_named(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    copy = (folder / "cat" / "03.png").read_bytes()
    write_file(folder / "dog" / "copy.png", copy)
    write_file(folder / "cat" / "copy.png", copy)
    # The same pixels in another file.
    write_file(folder / "dog" / "again.png", encoded(pixels(5), compress_level=1))
    assert warnings(run(folder, tmp_path)) == [
        "2 images are there with more than one label, for example cat/03.png (cat) and dog/copy.png (dog), pixel for"
        " pixel: keep the one that is right"
    ]


def test_what_is_left_out_is_among_them(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    write_file(folder / "cat" / "empty.png", b"")
    write_file(folder / "dog" / "text.png", b"hello")
    assert warnings(run(folder, tmp_path, on_error="skip")) == [
        "2 left out (skipped.csv), for example cat/empty.png: the file is empty (0 bytes)"
    ]


def test_good_images_have_none(tmp_path: Path) -> None:
    assert warnings(run(write_classes(tmp_path / "data"), tmp_path)) == []
