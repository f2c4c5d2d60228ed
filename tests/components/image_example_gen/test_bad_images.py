"""Every image and every folder that cannot be used ends in one line with the mend, or is left out and listed."""

from __future__ import annotations

import csv
import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common.errors import BadInput
from components.image_example_gen import picture
from components.image_example_gen.problems import UnusableError
from tests.components.image_example_gen.images import (
    encoded,
    flat,
    pixels,
    records,
    run,
    write_classes,
    write_file,
)

PNG, JPEG = encoded(pixels(1)), encoded(pixels(2, 64, 64), "JPEG")
AGAIN = "copy it again, or take it out"
CONVERT = "convert it to PNG or JPEG, or take it out"


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    size = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + size + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def animated() -> bytes:
    return encoded(Image.fromarray(pixels(1)), save_all=True, append_images=[Image.fromarray(pixels(2))])


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "what", "mend"),
    [
        ("x.png", b"", "the file is empty (0 bytes)", AGAIN),
        (
            "x.png",
            b"not an image\nat all",
            "the file holds text ('not an image at all'...), not a PNG",
            AGAIN,
        ),
        (
            "x.jpg",
            "h\u00e9 l\u00e0".encode(),
            "the file holds text ('h\u00e9 l\u00e0'...), not a JPEG",
            AGAIN,
        ),
        ("x", b"hello", "the file holds text ('hello'...), not an image", AGAIN),
        ("x.png", bytes(range(128, 160)), "the file holds neither a JPEG nor a PNG", AGAIN),
        ("x.png", JPEG, "the file is a JPEG, though it is named .png", "rename it to .jpg"),
        ("x.jpeg", PNG, "the file is a PNG, though it is named .jpeg", "rename it to .png"),
        ("x.jpg", encoded(pixels(1), "GIF"), "the file holds a GIF, not a JPEG", CONVERT),
        ("x.jpg", encoded(pixels(1), "BMP"), "the file holds a BMP, not a JPEG", CONVERT),
        ("x.jpg", encoded(pixels(1), "WEBP"), "the file holds a WebP, not a JPEG", CONVERT),
        ("x.png", encoded(pixels(1), "TIFF"), "the file holds a TIFF, not a PNG", CONVERT),
        ("x.jpg", b"\0\0\0\x20ftypheic", "the file holds a HEIC, not a JPEG", CONVERT),
        ("x.png", PNG[:20], "the header of the PNG is damaged or cut off", AGAIN),
        ("x.jpg", JPEG[:20], "the header of the JPEG is damaged or cut off", AGAIN),
        ("x.png", PNG[:-20], "the PNG is cut off: its end is missing", AGAIN),
        ("x.jpg", JPEG[:-200], "the JPEG is cut off: its end is missing", AGAIN),
        ("x.png", flipped(PNG, len(PNG) - 25), "the PNG is damaged", AGAIN),
        ("x.png", animated(), "the PNG is animated (2 frames)", "save one frame as an image, or take it out"),
        (
            "x.png",
            png_header(20_000, 20_000),
            "20,000 x 20,000 pixels are more than data.max_pixels: 50,000,000",
            "make it smaller, or raise data.max_pixels",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith(("the ", "20,")) else "",
)
def test_an_image_that_is_no_use(tmp_path: Path, name: str, content: bytes, what: str, mend: str) -> None:
    path = write_file(tmp_path / name, content)
    with path.open("rb") as file, pytest.raises(UnusableError) as caught:
        picture.read(file, name, max_pixels=50_000_000)
    assert (caught.value.what, caught.value.mend) == (what, mend)


def test_a_large_image_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture.tf.io, "decode_image", lambda *_, **__: pytest.fail("decoded"))
    path = write_file(tmp_path / "x.jpg", encoded(pixels(1, 200, 100), "JPEG"))
    with path.open("rb") as file, pytest.raises(UnusableError, match=r"^100 x 200 pixels are more"):
        picture.read(file, "x.jpg", max_pixels=19_999)


def test_damage_that_pillow_lets_pass_is_seen() -> None:
    """Training decodes with TensorFlow, which checks the sum after the pixels."""
    damaged = flipped(PNG, PNG.index(b"IEND") - 6)
    Image.open(io.BytesIO(damaged)).load()
    with pytest.raises(UnusableError, match="the PNG is damaged"):
        picture.read(io.BytesIO(damaged), "x.png", 1000)


def message(path: Path, out: Path, **reader: Any) -> str:
    with pytest.raises(BadInput) as caught:
        run(path, out, **reader)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{path}", "DATA").replace(f"{path.parent}", "ABOVE")


def test_one_bad_image_is_told_alone(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    write_file(folder / "cat" / "text.png", b"hello")
    assert message(folder, tmp_path) == (
        "DATA/cat/text.png: the file holds text ('hello'...), not a PNG; copy it again, or take it out (or set"
        " data.on_error: skip)"
    )


def test_many_bad_images_are_counted_and_the_first_named(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    for index in range(25):
        write_file(folder / "cat" / f"bad{index:02d}.png", b"")
    named = "; ".join(f"cat/bad{index:02d}.png: the file is empty (0 bytes) ({AGAIN})" for index in range(3))
    assert message(folder, tmp_path / "1") == (
        f"DATA: 25 problems beside 60 good images: {named}; and 22 more; mend them, or set data.on_error: skip with"
        " data.max_errors: 25"
    )
    assert message(folder, tmp_path / "2", on_error="skip") == (
        f"DATA: 25 problems beside 60 good images, above data.max_errors: 20: {named}; and 22 more; mend them, or raise"
        " data.max_errors to 25"
    )
    for good in folder.glob("*/[0-9]*.png"):
        good.write_bytes(b"")
    assert message(folder, tmp_path / "3").endswith("; and 82 more; mend them")


def test_the_folder_of_one_class_is_not_the_folder_of_the_classes(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    assert message(folder / "cat", tmp_path).endswith(
        "DATA: there is no class folder in it; put the images of each class into a folder, and give the folder that these"
        " lie in"
    )


def test_bad_images_are_left_out_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_classes(tmp_path / "data")
    write_file(folder / "cat" / "empty.png", b"")
    write_file(folder / "dog" / "cut.jpg", JPEG[:-200])
    write_file(folder / "dog" / "moves.gif", b"GIF89a")
    (folder / "bird").mkdir()
    with caplog.at_level("WARNING"):
        examples = run(folder, tmp_path, on_error="skip")
    assert len(flat(records(examples))) == 60
    assert examples.get_int_custom_property("skipped_images") == 4
    listed = list(csv.reader(Path(examples.uri, "skipped.csv").read_text().splitlines()))
    assert listed[0] == ["file_name", "problem", "mend"]
    assert sorted(listed[1:]) == [
        ["bird", "the class folder holds no JPEG or PNG image", "add images, or take the folder out"],
        ["cat/empty.png", "the file is empty (0 bytes)", AGAIN],
        ["dog/cut.jpg", "the JPEG is cut off: its end is missing", AGAIN],
        ["dog/moves.gif", "is neither a JPEG nor a PNG", CONVERT],
    ]
    assert "Left out: cat/empty.png: the file is empty (0 bytes)" in caplog.messages


def test_good_images_alone_have_nothing_left_out(tmp_path: Path) -> None:
    examples = run(write_classes(tmp_path / "data"), tmp_path)
    assert examples.get_int_custom_property("skipped_images") == 0
    assert not Path(examples.uri, "skipped.csv").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "bird/",
            b"",
            "DATA/bird: the class folder holds no JPEG or PNG image; add images, or take the folder out (or set"
            " data.on_error: skip)",
        ),
        (
            "bird/notes.txt",
            b"x",
            "DATA/bird: the class folder holds no JPEG or PNG image; add images, or take the folder out (or set"
            " data.on_error: skip)",
        ),
        (
            "loose.png",
            PNG,
            "DATA/loose.png: the image lies beside the class folders; move it into the folder of its class (or set"
            " data.on_error: skip)",
        ),
        (
            "cat/x.webp",
            b"x",
            f"DATA/cat/x.webp: is neither a JPEG nor a PNG; {CONVERT} (or set data.on_error: skip)",
        ),
        (
            "bird/only.png",
            PNG,
            "DATA: class 'bird' has one image only; a class needs images to train on and images to evaluate on: add"
            " images, or take the class out",
        ),
    ],
)
def test_a_folder_that_is_no_use(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    folder = write_classes(tmp_path / "data")
    if name.endswith("/"):
        (folder / name).mkdir()
    else:
        write_file(folder / name, content)
    assert message(folder, tmp_path) == said


def test_a_link_back_to_a_folder_above(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    os.symlink(folder / "cat", folder / "cat" / "again")
    assert message(folder, tmp_path / "1") == (
        "DATA/cat/again: the link leads back to a folder that it lies in; take the link out (or set data.on_error: skip)"
    )
    os.unlink(folder / "cat" / "again")
    os.symlink("itself.png", folder / "cat" / "itself.png")
    assert message(folder, tmp_path / "2") == (
        "DATA/cat/itself.png: the link leads nowhere (Too many levels of symbolic links); take the link out (or set"
        " data.on_error: skip)"
    )


def test_a_link_to_a_file_that_is_gone(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    os.symlink("gone.png", folder / "cat" / "link.png")
    assert message(folder, tmp_path) == (
        "DATA/cat/link.png: the file cannot be read (No such file or directory); copy it again, or take it out (or set"
        " data.on_error: skip)"
    )
    examples = run(folder, tmp_path, on_error="skip")
    assert examples.get_int_custom_property("skipped_images") == 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    os.mkfifo(folder / "cat" / "pipe.png")
    assert message(folder, tmp_path) == (
        "DATA/cat/pipe.png: is neither a file nor a folder; take it out (or set data.on_error: skip)"
    )


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    write_file(Path(os.fsdecode(os.fsencode(folder) + b"/cat/\xff.png")), PNG)
    assert message(folder, tmp_path / "1") == (
        r"DATA/'cat/\udcff.png': the file's name is not UTF-8; rename the file (or set data.on_error: skip)"
    )
    os.unlink(os.fsencode(folder) + b"/cat/\xff.png")
    write_file(Path(os.fsdecode(os.fsencode(folder) + b"/\xfe/x.png")), PNG)
    assert message(folder, tmp_path / "2") == (
        r"DATA/'\udcfe': the folder's name is not UTF-8; rename the folder (or set data.on_error: skip)"
    )


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder in which rights count: root reads everything, so that the test takes another user's rights."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_unreadable_files_and_folders(nobody: Path) -> None:
    folder = write_classes(nobody / "data")
    secret = folder / "cat" / "00.png"
    secret.chmod(0)
    assert message(folder, nobody / "1") == (
        "DATA/cat/00.png: the file cannot be read (Permission denied); give the right to read it (or set data.on_error:"
        " skip)"
    )
    secret.chmod(0o600)
    (folder / "dog").chmod(0)
    try:
        assert message(folder, nobody / "2") == (
            "DATA/dog: the folder cannot be read (Permission denied); give the right to read it (or set data.on_error:"
            " skip)"
        )
        folder.chmod(0)
        assert message(folder, nobody / "3") == (
            "DATA: the folder cannot be read (Permission denied); give the right to read it"
        )
    finally:
        folder.chmod(0o700)
        (folder / "dog").chmod(0o700)


def test_paths_that_are_no_folder_of_classes(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    assert message(tmp_path / "daat", tmp_path) == (
        f"DATA: no such file or folder; nearest in {tmp_path}: data".replace(str(tmp_path), "ABOVE")
    )
    assert message(folder / "cat" / "00.png", tmp_path) == (
        "DATA: is a file; images: folders needs the folder that the class folders lie in"
    )
    (tmp_path / "none").mkdir()
    assert message(tmp_path / "none", tmp_path) == (
        "DATA: there is no class folder in it; put the images of each class into a folder"
    )


def test_classes_that_cannot_be_trained(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", ("cat",))
    assert message(folder, tmp_path / "1") == (
        "DATA: label label has one class only, 'cat'; a classifier needs at least two"
    )
    write_classes(folder, ("ant", "bee", "cat"))
    assert message(folder, tmp_path / "2", task="binary") == (
        "DATA: label label has 3 classes (ant, bee, cat); task: binary needs two, or set task: multiclass"
    )


def test_splits_without_images_and_classes_without_training(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", count=3)
    assert message(folder, tmp_path / "1", splits={"train": 1000, "eval": 1}) == (
        "DATA: split eval got none of the 6 images; give more images, or more to eval under data.splits"
    )
    write_classes(folder, ("ant",), count=2)
    text = message(folder, tmp_path / "2", splits={"train": 1, "eval": 1000})
    assert text.startswith(
        "DATA: ant/00.png: class 'ant' is in split eval but not in train; add images of this class"
    )


def test_images_that_change_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.image_example_gen import executor

    folder = write_classes(tmp_path / "data")
    write = executor.Executor._write

    def and_change(*arguments: Any) -> Any:
        found = write(*arguments)
        write_file(folder / "cat" / "new.png", PNG)
        return found

    monkeypatch.setattr(executor.Executor, "_write", and_change)
    assert message(folder, tmp_path) == "DATA: the images changed while the run was reading them; run again"


def test_grey_among_colour_is_allowed_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_classes(tmp_path / "data")
    write_file(folder / "cat" / "grey.png", encoded(pixels(5, channels=1)))
    with caplog.at_level("INFO"):
        examples = run(folder, tmp_path)
    assert flat(records(examples))["cat/grey.png"]["channels"] == 1
    assert (
        "Images: images of several kinds: 60 colour, 1 grey; the feature channels tells which, a trainer makes them"
        " alike"
    ) in caplog.messages
    assert "Images: label: cat 31, dog 30" in caplog.messages
    assert "Images: 61 images, 12 x 10 to 12 x 10 pixels (height x width), median 12 x 10" in caplog.messages


def test_options_that_are_not_allowed(tmp_path: Path) -> None:
    for reader, said in (
        ({"images": "folder"}, "data.images: 'folder' is no layout; give one of folders, idx, csv"),
        ({"on_error": "ignore"}, "data.on_error: 'ignore' is no choice; give one of fail, skip"),
        ({"max_errors": -1}, "data.max_errors: -1 is below 0; give 0 or more"),
        ({"max_pixels": 0}, "data.max_pixels: 0 is below 1; give the largest height x width"),
        (
            {"labels": ["image"]},
            "label: image is the name of a feature of every image; take another name",
        ),
        (
            {"labels": ["a", "b"]},
            "label: images: folders gives one label, the class, not a, b; name one, or list the images in a CSV"
            " (images: csv)",
        ),
        (
            {"task": "regression"},
            "task: images: folders gives classes, not numbers; list the images in a CSV (images: csv), or set task:"
            " multiclass",
        ),
    ):
        assert message(tmp_path, tmp_path, **reader) == said


def test_nothing_left_after_all_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_file(folder / "cat" / "a.gif", b"GIF89a")
    assert message(folder, tmp_path, on_error="skip") == (
        "DATA: there is no image that can be used; add images"
    )
