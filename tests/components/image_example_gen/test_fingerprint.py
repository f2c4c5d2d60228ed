"""Fingerprints of sets of images follow names and content, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.columnar_example_gen import fingerprint as columnar
from components.image_example_gen import fingerprint
from components.image_example_gen.options import ImageOptions
from tests.components.image_example_gen.images import encoded, pixels, write_classes, write_file

SAMPLE = Path(__file__).parents[3] / "data" / "fashion_mnist_sample"
FOLDERS = ImageOptions("folders")


def of(path: Path, options: ImageOptions = FOLDERS, cache: Path | None = None) -> str:
    return columnar.digest(fingerprint.files(str(path), options, cache))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", count=3)


def test_a_row_for_each_class_folder(folder: Path) -> None:
    rows = fingerprint.files(str(folder), FOLDERS)
    assert [(row["split"], row["file"], row["bytes"]) for row in rows] == [
        ("all", name, sum(path.stat().st_size for path in (folder / name).iterdir()))
        for name in ("cat", "dog")
    ]
    assert len({row["sha256"] for row in rows}) == 2


def test_times_and_places_change_nothing(folder: Path, tmp_path: Path) -> None:
    before = of(folder)
    os.utime(folder / "cat" / "00.png", (1, 1))
    write_file(folder / "cat" / "Thumbs.db", b"x")
    write_file(folder / "cat" / ".hidden.png", b"x")
    assert of(folder) == before
    assert of(shutil.copytree(folder, tmp_path / "copy")) == before


def test_each_change_of_content_name_class_or_number_is_seen(folder: Path) -> None:
    found = {of(folder)}
    image = folder / "cat" / "00.png"
    image.write_bytes(encoded(pixels(99)))
    found.add(of(folder))
    image.rename(folder / "cat" / "new.png")
    found.add(of(folder))
    (folder / "cat" / "new.png").rename(folder / "dog" / "new.png")
    found.add(of(folder))
    (folder / "dog" / "new.png").unlink()
    found.add(of(folder))
    write_file(folder / "dog" / "moves.gif", b"GIF")
    found.add(of(folder))
    (folder / "ant").mkdir()
    found.add(of(folder))
    assert len(found) == 7


def test_files_of_idx_and_their_class_names(tmp_path: Path) -> None:
    copy = shutil.copytree(SAMPLE, tmp_path / "copy")
    options = ImageOptions("idx")
    assert [row["file"] for row in fingerprint.files(str(copy), options)] == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "classes.txt",
    ]
    before = of(copy, options)
    (copy / "LICENSE").unlink()
    assert of(copy, options) == before == of(SAMPLE, options)
    (copy / "classes.txt").unlink()
    assert of(copy, options) != before


def test_a_csv_with_the_images_that_it_names(folder: Path) -> None:
    path = write_file(folder / "rows.csv", b"path,label\ncat/00.png,a\ndog/00.png,b\ngone.png,a\n")
    options = ImageOptions("csv")
    assert [row["file"] for row in fingerprint.files(str(path), options)] == ["rows.csv", "images"]
    before = of(path, options)
    write_file(folder / "cat" / "01.png", b"not named")
    assert of(path, options) == before
    write_file(folder / "gone.png", b"x")
    found = of(path, options)
    assert found != before
    path.write_bytes(path.read_bytes().replace(b",b", b",c"))
    assert of(path, options) not in (before, found)


def test_what_is_settled_is_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "fingerprints.json"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    before = of(folder, cache=cache)
    monkeypatch.setattr(columnar, "sha256", lambda path: pytest.fail(f"{path} is in the cache"))
    assert of(folder, cache=cache) == before


def test_what_was_read_already_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fingerprint.files(str(folder), FOLDERS)
    known = {
        str(path.relative_to(folder)): (path.stat().st_size, columnar.sha256(str(path)))
        for path in folder.rglob("*.png")
    }
    monkeypatch.setattr(columnar, "sha256", lambda path: pytest.fail(f"{path} is known"))
    assert fingerprint.files(str(folder), FOLDERS, known=known) == rows


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, components.image_example_gen.fingerprint, components.image_example_gen.options\n"
        "heavy = ('tensorflow', 'tfx', 'apache_beam', 'pyarrow', 'numpy', 'PIL')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
