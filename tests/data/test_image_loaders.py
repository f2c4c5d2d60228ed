"""What the loaders of images write: from small files of the same format, and from the packages where they are."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from common.errors import BadInput
from data import cats_vs_dogs, cifar10, downloads, fashion_mnist, flowers, idx, stamps
from tests.data.test_archives import contents, tar, zipped

SAMPLE = Path(__file__).parents[2] / "data" / "fashion_mnist_sample"
FASHION = pytest.mark.skipif(
    not fashion_mnist.PACKAGE.is_dir(), reason=f"the package is not there: {fashion_mnist.INSTALL}"
)
STAMPS = pytest.mark.skipif(not stamps.PACKAGE.is_dir(), reason=f"the package is not there: {stamps.INSTALL}")


def jpeg(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, shade, shade)).save(content, "JPEG")
    return content.getvalue()


def offer(loader: ModuleType, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a loader take this archive for the original."""
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(loader, "ORIGINAL", dataclasses.replace(loader.ORIGINAL, sha256=sha256))
    monkeypatch.setenv(downloads.variable(loader.NAME), str(archive))


def cifar_record(label: int, seed: int) -> tuple[bytes, np.ndarray]:
    image = np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    return bytes([label]) + image.transpose(2, 0, 1).tobytes(), image


def cifar_files() -> tuple[dict[str, bytes], np.ndarray]:
    """Files of the archive with 4 records a batch, and the images in their order."""
    files: dict[str, bytes] = {
        "batches.meta.txt": b"airplane\nautomobile\nbird\n\n",
        "readme.html": b"<html>",
    }
    images = []
    for number, name in enumerate([*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]):
        records = [cifar_record((number + i) % 3, 10 * number + i) for i in range(4)]
        files[name] = b"".join(record for record, _ in records)
        images += [image for _, image in records]
    return {f"cifar-10-batches-bin/{name}": content for name, content in files.items()}, np.stack(images)


def test_cifar10_is_written_as_idx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, images = cifar_files()
    offer(cifar10, tar(tmp_path / "cifar-10-binary.tar.gz", files), monkeypatch)
    folder = cifar10.write(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [
        "classes.txt",
        "t10k-images-idx4-ubyte",
        "t10k-labels-idx1-ubyte",
        "train-images-idx4-ubyte",
        "train-labels-idx1-ubyte",
    ]
    assert (folder / "classes.txt").read_text() == "airplane\nautomobile\nbird\n"
    for name, expected in (("train", images[:20]), ("t10k", images[20:])):
        content = (folder / f"{name}-images-idx4-ubyte").read_bytes()
        assert content[:4] == b"\0\0\x08\x04"
        assert np.frombuffer(content[4:20], ">u4").tolist() == [len(expected), 32, 32, 3]
        assert (np.frombuffer(content[20:], np.uint8).reshape(-1, 32, 32, 3) == expected).all()
    labels = (folder / "train-labels-idx1-ubyte").read_bytes()
    assert list(labels[8:]) == [(number + i) % 3 for number in range(5) for i in range(4)]


def test_a_cifar10_archive_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, _ = cifar_files()
    del files["cifar-10-batches-bin/data_batch_3.bin"]
    offer(cifar10, tar(tmp_path / "a.tar.gz", files), monkeypatch)
    with pytest.raises(
        BadInput, match=r"^cifar-10-binary\.tar\.gz: there is no data_batch_3\.bin in it; fetch"
    ):
        cifar10.write(tmp_path / "out")
    files["cifar-10-batches-bin/data_batch_3.bin"] = bytes(3072)
    offer(cifar10, tar(tmp_path / "b.tar.gz", files), monkeypatch)
    with pytest.raises(
        BadInput, match=r"^data_batch_3\.bin: 3072 bytes are no whole number of 3073-byte records"
    ):
        cifar10.write(tmp_path / "out2")


def test_flowers_are_folders_with_their_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "flower_photos/LICENSE.txt": b"CC-BY",
        "flower_photos/roses/1.jpg": jpeg(1),
        "flower_photos/tulips/2.jpg": jpeg(2),
    }
    offer(flowers, tar(tmp_path / "flower_photos.tgz", files), monkeypatch)
    folder = flowers.write(tmp_path / "out")
    assert contents(folder) == {
        name.removeprefix("flower_photos/"): content for name, content in files.items()
    }


def test_cats_vs_dogs_are_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "PetImages/Cat/0.jpg": jpeg(1),
        "PetImages/Cat/Thumbs.db": b"x",
        "PetImages/Dog/0.jpg": jpeg(2),
        "readme[1].txt": b"x",
    }
    offer(cats_vs_dogs, zipped(tmp_path / "kagglecatsanddogs_5340.zip", files), monkeypatch)
    folder = cats_vs_dogs.write(tmp_path / "out")
    assert contents(folder) == {"Cat/0.jpg": jpeg(1), "Dog/0.jpg": jpeg(2)}


@pytest.mark.parametrize("loader", [cifar10, flowers, cats_vs_dogs])
def test_an_archive_of_something_else_is_refused(
    loader: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(tmp_path / "a.zip", {"other": b"x"})
    monkeypatch.setenv(downloads.variable(loader.NAME), str(archive))
    with pytest.raises(BadInput, match=rf"^{archive}: its sha256 is .*; fetch {loader.ORIGINAL.url} again$"):
        loader.write(tmp_path / "out")
    offer(loader, archive, monkeypatch)
    with pytest.raises(BadInput, match=f"^{archive}: holds none of the files of {loader.NAME}; fetch"):
        loader.write(tmp_path / "out")


@FASHION
@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_comes_from_package_or_variable(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLPIPE_DATA_FASHION_MNIST", raising=False)
    folder = fashion_mnist.write(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*fashion_mnist.CONTENT, "classes.txt"])
    for name, sha256 in fashion_mnist.CONTENT.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    monkeypatch.setenv("MLPIPE_DATA_FASHION_MNIST", str(fashion_mnist.PACKAGE if packed else folder))
    assert contents(fashion_mnist.write(tmp_path / "again")) == contents(folder)


@FASHION
def test_the_sample_holds_the_first_images_of_each_class() -> None:
    classes = (SAMPLE / "classes.txt").read_text().splitlines()
    assert tuple(classes) == fashion_mnist.CLASSES
    for name, count in (("train", 20), ("t10k", 10)):
        images, labels = (
            np.frombuffer(
                gzip.decompress((fashion_mnist.PACKAGE / file).read_bytes()), np.uint8, offset=offset
            )
            for file, offset in ((f"{name}-images-idx3-ubyte.gz", 16), (f"{name}-labels-idx1-ubyte.gz", 8))
        )
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(10)]))
        sample = gzip.decompress((SAMPLE / f"{name}-images-idx3-ubyte.gz").read_bytes())
        assert sample[16:] == images.reshape(-1, 784)[chosen].tobytes()
        assert (
            gzip.decompress((SAMPLE / f"{name}-labels-idx1-ubyte.gz").read_bytes())[8:]
            == labels[chosen].tobytes()
        )


def test_the_sample_is_small_and_has_its_licence() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 200_000
    assert "MIT License" in (SAMPLE / "LICENSE").read_text()


def test_fashion_mnist_that_is_nowhere_or_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPIPE_DATA_FASHION_MNIST", raising=False)
    monkeypatch.setattr(fashion_mnist, "PACKAGE", tmp_path / "nowhere")
    with pytest.raises(BadInput) as caught:
        fashion_mnist.write(tmp_path / "out")
    assert str(caught.value) == (
        "data set fashion_mnist is not on this machine; install it with: apt-get install dataset-fashion-mnist (or"
        " fetch its 31 MB with: mlpipe data get fashion_mnist --download, or set MLPIPE_DATA_FASHION_MNIST to its"
        " folder)"
    )
    monkeypatch.setenv("MLPIPE_DATA_FASHION_MNIST", str(SAMPLE))
    with pytest.raises(
        BadInput, match=r"train-images-idx3-ubyte\.gz: the sha256 of its content is .*; install it"
    ):
        fashion_mnist.write(tmp_path / "out")
    monkeypatch.setenv("MLPIPE_DATA_FASHION_MNIST", str(tmp_path))
    with pytest.raises(
        BadInput, match=r": there is no train-images-idx3-ubyte\.gz in it; install it with: apt-get"
    ):
        fashion_mnist.write(tmp_path / "out")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(BadInput, match=r"train-images-idx3-ubyte\.gz: not a readable gzip file"):
        fashion_mnist.write(tmp_path / "out")


def test_fashion_mnist_is_fetched_from_its_makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPIPE_DATA_FASHION_MNIST", raising=False)
    monkeypatch.setattr(fashion_mnist, "PACKAGE", tmp_path / "nowhere")
    originals, content = [], {}
    for original in fashion_mnist.ORIGINALS:
        path = SAMPLE / original.name
        originals.append(downloads.Original(path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest(), 1))
        content[path.stem] = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    monkeypatch.setattr(fashion_mnist, "ORIGINALS", originals)
    monkeypatch.setattr(fashion_mnist, "CONTENT", content)
    folder = fashion_mnist.write(tmp_path / "out", download=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*content, "classes.txt"])


def test_stamps_are_flattened_onto_white(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*stamps.CLASSES, "symbols"):
        path = tmp_path / "package" / name / "sub" / "a.png"
        path.parent.mkdir(parents=True)
        picture = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
        picture.putpixel((1, 0), (0, 0, 200, 255))
        picture.putpixel((2, 1), (0, 0, 0, 51))
        picture.save(path)
    monkeypatch.setenv("MLPIPE_DATA_STAMPS", str(tmp_path / "package"))
    folder = stamps.write(tmp_path / "out")
    assert sorted(contents(folder)) == [f"{name}/sub/a.png" for name in stamps.CLASSES]
    with Image.open(folder / "food" / "sub" / "a.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (3, 2))
        assert [picture.getpixel(at) for at in ((0, 0), (1, 0), (2, 1))] == [
            (255, 255, 255),
            (0, 0, 200),
            (204, 204, 204),
        ]


def test_stamps_that_are_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPIPE_DATA_STAMPS", str(tmp_path))
    with pytest.raises(BadInput) as caught:
        stamps.write(tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}/animals: there are no pictures; install them with: apt-get install tuxpaint-stamps-default"
    )


@STAMPS
def test_stamps_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPIPE_DATA_STAMPS", raising=False)
    folder = stamps.write(tmp_path / "out")
    assert {path.name: len(list(path.rglob("*.png"))) for path in folder.iterdir()} == {
        "animals": 146,
        "food": 67,
        "household": 34,
        "plants": 39,
        "town": 79,
        "vehicles": 38,
    }


@pytest.mark.parametrize("name", ["x.gz", "x"])
def test_idx_files_are_the_same_bytes_every_time_and_as_long_as_they_say(tmp_path: Path, name: str) -> None:
    first = idx.write(tmp_path / name, (2, 3), [b"abc", b"def"]).read_bytes()
    assert idx.write(tmp_path / name, (2, 3), [b"abcdef"]).read_bytes() == first
    content = gzip.decompress(first) if name.endswith(".gz") else first
    assert content == b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + b"abcdef"
    with pytest.raises(ValueError, match="5 bytes for a shape of 6"):
        idx.write(tmp_path / name, (2, 3), [b"abcde"])
