"""IDX files that are no use: each ends in one line that names the file and the mend."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import BadInput
from components.image_example_gen import idx as idx_file
from components.image_example_gen import idx_folder, listing
from components.image_example_gen.options import ImageOptions
from data import idx

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
PIXELS = np.arange(20 * 6 * 5, dtype=np.uint8).reshape(20, 6, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    idx.write(tmp_path / IMAGES, PIXELS.shape, [PIXELS.tobytes()])
    idx.write(tmp_path / LABELS, [20], [bytes(number % 2 for number in range(20))])
    return tmp_path


def message(folder: Path, **options: int) -> str:
    with pytest.raises(BadInput) as caught:
        listing.find(str(folder), ImageOptions("idx", **options))
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(folder), "DATA")


def header(kind: int, *shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape)


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def pack_cut(folder: Path) -> None:
    packed = gzip.compress((folder / IMAGES).read_bytes())
    (folder / IMAGES).unlink()
    (folder / f"{IMAGES}.gz").write_bytes(packed[:-40])


def pack_damaged(folder: Path) -> None:
    (folder / IMAGES).unlink()
    (folder / f"{IMAGES}.gz").write_bytes(b"no gzip")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            write(IMAGES, b"<html>"),
            f"DATA/{IMAGES}: not an IDX file: it begins with b'<htm', not with two zero bytes; copy it again",
        ),
        (
            write(IMAGES, b""),
            f"DATA/{IMAGES}: not an IDX file: it begins with b'', not with two zero bytes; copy it again",
        ),
        (
            write(IMAGES, header(13, 20, 6, 5)),
            f"DATA/{IMAGES}: the IDX file holds floats, not unsigned bytes; write the values as bytes of 0 to 255",
        ),
        (
            write(IMAGES, header(8, 20) + bytes(20)),
            f"DATA/{IMAGES}: the IDX file has 1 dimensions, not 3 or 4; are images and labels swapped?",
        ),
        (
            write(IMAGES, header(8, 20, 6, 5)[:9]),
            f"DATA/{IMAGES}: the file is cut off within its header; copy it again",
        ),
        (
            write(IMAGES, header(8, 0, 6, 5)),
            f"DATA/{IMAGES}: its header says 0 x 6 x 5: there is nothing in it; copy it again",
        ),
        (
            write(IMAGES, header(8, 20, 6, 5) + bytes(599)),
            f"DATA/{IMAGES}: the file is cut off: its header says 20 x 6 x 5 bytes, 616 with the header, but there are"
            " 615; copy it again",
        ),
        (
            write(IMAGES, header(8, 20, 6, 5) + bytes(601)),
            f"DATA/{IMAGES}: the file is too long: its header says 20 x 6 x 5 bytes, 616 with the header, but there are"
            " 617; copy it again",
        ),
        (pack_cut, f"DATA/{IMAGES}.gz: the gzip file is cut off; copy it again"),
        (
            pack_damaged,
            f"DATA/{IMAGES}.gz: not a readable gzip file (Not a gzipped file (b'no')); copy it again",
        ),
        (
            write(LABELS, header(8, 19) + bytes(19)),
            f"DATA: {IMAGES} holds 20 images, but {LABELS} 19 labels; take the files from the same set",
        ),
        (
            lambda folder: (folder / LABELS).unlink(),
            f"DATA: {IMAGES} has no labels beside it; add {LABELS} or its .gz",
        ),
        (
            lambda folder: (folder / IMAGES).unlink(),
            f"DATA: {LABELS} has no images beside it; add {IMAGES} or its .gz",
        ),
        (
            write(f"{IMAGES}.gz", b""),
            f"DATA: {IMAGES} and {IMAGES}.gz hold the same images; take one out",
        ),
        (
            write("classes.txt", b"even\n"),
            f"DATA/{LABELS}: label 1 of image 1 has no name: classes.txt holds 1; give each label a line, in order",
        ),
        (
            write("classes.txt", b"even\n\nodd\n"),
            "DATA/classes.txt:2: the line is empty; name the class of label 1",
        ),
        (
            write("classes.txt", b"even\neven\n"),
            "DATA/classes.txt:2: 'even' names an earlier label too; give each label its own name",
        ),
        (write("classes.txt", b"\xff\n"), "DATA/classes.txt: not UTF-8; save the file as UTF-8"),
    ],
)
def test_files_that_are_no_use(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)
    assert message(folder) == said


def test_images_that_are_too_large(folder: Path) -> None:
    assert message(folder, max_pixels=29) == (
        f"DATA/{IMAGES}: 5 x 6 pixels are more than data.max_pixels: 29; raise data.max_pixels"
    )


def test_channels_that_are_none(folder: Path) -> None:
    (folder / IMAGES).unlink()
    idx.write(folder / "train-images-idx4-ubyte", (20, 2, 3, 5), [PIXELS.tobytes()])
    assert message(folder) == (
        "DATA/train-images-idx4-ubyte: 5 channels; an image has 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA), as the"
        " last dimension"
    )


def test_folders_without_idx_files(folder: Path) -> None:
    assert message(folder / IMAGES) == (
        f"DATA/{IMAGES}: is a file; images: idx needs the folder that the IDX files lie in".replace(
            f"DATA/{IMAGES}", "DATA"
        )
    )
    for path in folder.iterdir():
        path.unlink()
    assert message(folder) == (
        "DATA: no IDX files in it; they are named like train-images-idx3-ubyte and train-labels-idx1-ubyte, with .gz"
        " when they are packed"
    )
    assert message(folder / "nothing").startswith("DATA: no such file or folder; ")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_elements_in_any_order(tmp_path: Path, suffix: str) -> None:
    path = idx.write(
        tmp_path / f"{IMAGES}{suffix}", PIXELS.shape, [PIXELS[:7].tobytes(), PIXELS[7:].tobytes()]
    )
    file = idx_file.open_images(str(path))
    assert file.shape == (20, 6, 5)
    for index in (19, 0, 7):
        assert file.item(index) == PIXELS[index].tobytes()


def test_a_file_that_was_written_anew_is_opened_anew(tmp_path: Path) -> None:
    path = idx.write(tmp_path / IMAGES, PIXELS.shape, [PIXELS.tobytes()])
    assert idx_file.open_images(str(path)).item(0) == PIXELS[0].tobytes()
    path.unlink()
    idx.write(path, PIXELS.shape, [PIXELS[::-1].tobytes()])
    assert idx_file.open_images(str(path)).item(0) == PIXELS[19].tobytes()


def test_which_sets_are_held_out(tmp_path: Path) -> None:
    def sets(*names: str) -> dict[str, bool]:
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            for kind in ("images-idx3", "labels-idx1"):
                (folder / f"{name}-{kind}-ubyte").write_bytes(b"")
        return {pair.name: pair.held_out for pair in idx_folder.pairs(str(folder))}

    assert sets("train", "t10k") == {"t10k": True, "train": False}
    assert sets("train", "test", "extra") == {"extra": False, "test": True, "train": False}
    assert sets("t10k") == {"t10k": False}, "alone, it is cut into all splits"
