"""What people should know of images that can be used: it is on the artifact, from where the summary takes it."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from tfx import types

from components.image_example_gen.constants import WARNINGS
from tests.components.image_example_gen.images import (
    encoded,
    flat,
    pixels,
    records,
    run,
    write_classes,
    write_file,
)


def warnings(examples: types.Artifact) -> list[str]:
    return json.loads(examples.get_string_custom_property(WARNINGS))


def test_a_photo_that_is_stored_turned_is_the_same_as_its_upright_form(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    upright = Image.fromarray(pixels(7, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    write_file(folder / "dog" / "turned.png", encoded(turned, exif=exif))
    write_file(folder / "dog" / "upright.png", encoded(upright))
    examples = run(folder, tmp_path)
    found = flat(records(examples))
    first, second = found["dog/turned.png"], found["dog/upright.png"]
    assert (first["height"], first["width"]) == (20, 30)
    assert {**first, "image": b"", "file_name": b""} == {**second, "image": b"", "file_name": b""}
    assert warnings(examples) == []


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
