"""What becomes of images in each layout: records, splits, order."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from common.errors import BadInput
from components.image_example_gen import splits
from components.image_example_gen.options import FEATURES
from data import fashion_mnist, idx
from tests.components.image_example_gen import images
from tests.components.image_example_gen.images import (
    BEAM,
    encoded,
    flat,
    pixels,
    records,
    run,
    write_classes,
    write_file,
)

SAMPLE = Path(__file__).parents[3] / "data" / "fashion_mnist_sample"


def decoded(content: bytes) -> np.ndarray:
    return tf.io.decode_image(content, expand_animations=False).numpy()


def test_folders_give_the_bytes_as_found_with_size_class_and_name(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    photo = write_file(folder / "dog" / "sub" / "ünï.JPG", encoded(pixels(7, 16, 24), "JPEG"))
    write_file(folder / "dog" / ".hidden.png", b"")
    write_file(folder / "dog" / "Thumbs.db", b"x")
    write_file(folder / "dog" / "._ünï.JPG", b"x")
    write_file(folder / "dog" / "@eaDir" / "thumb.jpg", b"x")
    write_file(folder / "__MACOSX" / "dog" / "._ünï.JPG", b"x")
    write_file(folder / "LICENSE", b"x")
    found = flat(records(run(folder, tmp_path, labels=["kind"])))
    assert len(found) == 61
    example = found["dog/sub/ünï.JPG"]
    assert example["image"] == photo.read_bytes()
    assert (example["height"], example["width"], example["channels"], example["kind"]) == (16, 24, 3, b"dog")
    assert sorted(example) == sorted([*FEATURES, "kind", "split"])


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("P", 3), ("RGB", 3), ("LA", 2), ("RGBA", 4), ("I;16", 1)]
)
def test_channels_are_those_that_training_decodes(tmp_path: Path, mode: str, channels: int) -> None:
    folder = write_classes(tmp_path / "data")
    if mode == "I;16":
        image = Image.fromarray(pixels(7, channels=1).astype(np.uint16) * 257)
    else:
        image = Image.fromarray(pixels(7)).convert(mode)
    content = write_file(folder / "cat" / "odd.png", encoded(image)).read_bytes()
    example = flat(records(run(folder, tmp_path)))["cat/odd.png"]
    assert example["channels"] == channels
    assert decoded(content).shape == (12, 10, channels)


def test_cmyk_and_progressive_jpegs_are_taken(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    cmyk = Image.fromarray(pixels(7)).convert("CMYK")
    write_file(folder / "cat" / "cmyk.jpg", encoded(cmyk, "JPEG"))
    write_file(folder / "cat" / "progressive.jpeg", encoded(pixels(8), "JPEG", progressive=True))
    found = flat(records(run(folder, tmp_path)))
    assert (found["cat/cmyk.jpg"]["channels"], found["cat/progressive.jpeg"]["channels"]) == (3, 3)


def test_every_image_of_the_sample_record_by_record(tmp_path: Path) -> None:
    found = flat(records(run(SAMPLE, tmp_path, images="idx")))
    classes = (SAMPLE / "classes.txt").read_text().splitlines()
    assert len(found) == 300
    for name, count in (("train", 200), ("t10k", 100)):
        images = np.frombuffer(
            gzip.decompress((SAMPLE / f"{name}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
        ).reshape(count, 28, 28)
        labels = gzip.decompress((SAMPLE / f"{name}-labels-idx1-ubyte.gz").read_bytes())[8:]
        for index in range(count):
            example = found[f"{name}-images-idx3-ubyte.gz#{index}"]
            assert (decoded(example["image"])[..., 0] == images[index]).all()
            assert example["label"].decode() == classes[labels[index]]
            assert (example["height"], example["width"], example["channels"]) == (28, 28, 1)
            assert (example["split"] == "eval") == (name == "t10k")


def test_held_out_idx_is_eval_and_the_rest_is_cut_by_the_other_shares(tmp_path: Path) -> None:
    found = records(run(SAMPLE, tmp_path, {"train": 1, "valid": 1, "eval": 100}, images="idx"))
    assert len(found["eval"]) == 100
    assert len(found["train"]) + len(found["valid"]) == 200
    assert 70 < len(found["valid"]) < 130


def test_a_held_out_set_needs_its_split(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"holds a set of its own for the split eval, which is not named; add eval$"
    ):
        run(SAMPLE, tmp_path, {"train": 1, "test": 1}, images="idx")


def test_idx_alone_unpacked_in_colour_without_class_names(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.stack([pixels(seed) for seed in range(80)])
    idx.write(folder / "train-images-idx4-ubyte", images.shape, [images.tobytes()])
    idx.write(folder / "train-labels-idx1-ubyte", [80], [bytes(3 + number % 2 for number in range(80))])
    found = flat(records(run(folder, tmp_path, images="idx")))
    assert {example["split"] for example in found.values()} == {"train", "valid", "eval"}
    example = found["train-images-idx4-ubyte#17"]
    assert (decoded(example["image"]) == images[17]).all()
    assert (example["label"], example["channels"]) == (b"4", 3)


def test_the_same_pixels_as_folders_or_idx_go_to_the_same_splits(tmp_path: Path) -> None:
    both = tmp_path / "idx"
    both.mkdir()
    images = np.stack([pixels(seed, channels=1) for seed in range(80)])
    idx.write(both / "all-images-idx3-ubyte.gz", images.shape, [images.tobytes()])
    idx.write(both / "all-labels-idx1-ubyte.gz", [80], [bytes(number % 2 for number in range(80))])
    for number, image in enumerate(images):
        write_file(tmp_path / "png" / str(number % 2) / f"{number}.png", encoded(image))
    of_idx = flat(records(run(both, tmp_path / "1", images="idx")))
    of_folders = flat(records(run(tmp_path / "png", tmp_path / "2")))
    for number in range(80):
        assert (
            of_idx[f"all-images-idx3-ubyte.gz#{number}"]["split"]
            == of_folders[f"{number % 2}/{number}.png"]["split"]
        )


def rows(count: int = 40) -> list[list[str]]:
    return [[f"img/{index}.png", "ab"[index % 2], str(index), f"{index / 4}"] for index in range(count)]


def write_csv(
    folder: Path, header: str = "path,kind,id,weight", lines: list[list[str]] | None = None
) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows() if lines is None else lines)
    for index in range(40):
        write_file(folder / "img" / f"{index}.png", encoded(pixels(index)))
    return write_file(folder / "rows.csv", text.getvalue().encode())


def test_csv_gives_its_further_columns_as_features(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data")
    found = flat(records(run(path, tmp_path, images="csv", labels=["kind"], drop=["id"])))
    assert len(found) == 40
    example = found["img/13.png"]
    assert (example["kind"], example["weight"], example["height"]) == (b"b", 3.25, 12)
    assert "id" not in example
    assert "path" not in example
    assert example["image"] == (path.parent / "img" / "13.png").read_bytes()


def test_csv_labels_are_class_names_though_they_are_numbers(tmp_path: Path) -> None:
    lines = [[path, str(index % 3), row, weight] for index, (path, _, row, weight) in enumerate(rows())]
    path = write_csv(tmp_path / "data", lines=lines)
    found = flat(records(run(path, tmp_path, images="csv", labels=["kind"])))
    assert found["img/5.png"]["kind"] == b"2"
    assert found["img/5.png"]["id"] == 5


def test_csv_with_several_numeric_labels_for_regression(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data", "file,kind,id,weight")
    reader = {"images": "csv", "labels": ["id", "weight"], "task": "regression", "path_column": "file"}
    example = flat(records(run(path, tmp_path, **reader)))["img/6.png"]
    assert (example["id"], example["weight"], example["kind"]) == (6.0, 1.5, b"a")


def test_missing_values_of_further_columns_are_missing_values(tmp_path: Path) -> None:
    lines = rows()
    lines[3][2] = "NA"
    path = write_csv(tmp_path / "data", lines=lines)
    found = flat(records(run(path, tmp_path, images="csv", labels=["kind"], missing_values=["NA"])))
    assert found["img/3.png"]["id"] is None


def shards(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_files_elsewhere_and_made_in_another_order_are_the_same_bytes(tmp_path: Path) -> None:
    first = write_classes(tmp_path / "first")
    second = tmp_path / "second"
    for path in sorted(first.rglob("*.png"), reverse=True):
        write_file(second / path.relative_to(first), path.read_bytes())
    one, two = run(first, tmp_path / "1"), run(second, tmp_path / "2")
    assert shards(Path(one.uri)) == shards(Path(two.uri))
    assert sorted(shards(Path(one.uri))) == [
        f"Split-{split}/data_tfrecord-00000-of-00001.gz" for split in ("eval", "train", "valid")
    ]
    files = json.loads(one.get_string_custom_property("input_files"))
    assert files == json.loads(two.get_string_custom_property("input_files"))
    assert [(file["file"], file["rows"]) for file in files] == [("cat", 30), ("dog", 30)]


def test_classes_are_mixed_in_the_order_of_a_split(tmp_path: Path) -> None:
    found = records(run(write_classes(tmp_path / "data"), tmp_path))["train"]
    labels = [example["label"] for example in found]
    assert sum(a != b for a, b in itertools.pairwise(labels)) > 10


def test_copies_are_in_one_split_whatever_their_name_label_and_encoding(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", count=40)
    for path in sorted((folder / "cat").glob("*.png")):
        image = Image.open(path)
        write_file(folder / "dog" / f"copy-{path.name}", encoded(image, compress_level=0))
    found = flat(records(run(folder, tmp_path)))
    for index in range(40):
        assert found[f"cat/{index:02d}.png"]["split"] == found[f"dog/copy-{index:02d}.png"]["split"]
    assert len({found[f"cat/{index:02d}.png"]["split"] for index in range(40)}) == 3


def test_many_bytes_make_several_shards_with_the_same_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_classes(tmp_path / "data")
    whole = run(folder, tmp_path / "1")
    monkeypatch.setattr("components.image_example_gen.shards.SHARD_BYTES", 2000)
    parts = run(folder, tmp_path / "2")
    assert len(list(Path(parts.uri, "Split-train").iterdir())) > 3
    assert records(parts) == records(whole)


def test_accents_that_are_taken_apart_are_the_same_class(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", ("dog",))
    for index in range(20):
        write_file(folder / "caf\u00e9" / f"{index}.png", encoded(pixels(2000 + index)))
        write_file(folder / "cafe\u0301" / f"b{index}.png", encoded(pixels(3000 + index)))
    found = flat(records(run(folder, tmp_path)))
    labels = {example["label"].decode() for example in found.values()}
    assert labels == {"dog", "caf\u00e9"}


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder / "dog", elsewhere)
    os.symlink(elsewhere, folder / "dog")
    assert len(flat(records(run(folder, tmp_path)))) == 60


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a cluster: what workers need and tell goes through files, and through Beam's pickles."""
    monkeypatch.setattr("components.image_example_gen.shards.SHARD_BYTES", 2000)
    folder = write_classes(tmp_path / "data")
    one = run(folder, tmp_path / "1")
    monkeypatch.setattr(images, "BEAM", [BEAM[0], "--direct_running_mode=multi_processing", *BEAM[2:]])
    two = run(folder, tmp_path / "2")
    assert shards(Path(one.uri)) == shards(Path(two.uri))


@pytest.mark.slow
@pytest.mark.skipif(not fashion_mnist.PACKAGE.is_dir(), reason=f"not there: {fashion_mnist.INSTALL}")
def test_all_of_fashion_mnist(tmp_path: Path) -> None:
    folder = fashion_mnist.write(tmp_path / "data")
    examples = run(folder, tmp_path, images="idx")
    counts = Counter(
        (split, example["label"]) for split, rows in records(examples).items() for example in rows
    )
    for name in fashion_mnist.CLASSES:
        assert counts["eval", name.encode()] == 1000
        assert counts["train", name.encode()] + counts["valid", name.encode()] == 6000
    assert 0 < examples.get_int_custom_property("near_duplicates") < 500


def test_the_split_rule_is_that_of_columns() -> None:
    import hashlib

    from components.columnar_example_gen import splits as columnar

    contents = [str(number).encode() for number in range(300)]
    buckets = {"train": 7, "valid": 1, "eval": 2}
    expected = columnar.assign(columnar.digests(contents), list(buckets.values()))
    found = [splits.assign(hashlib.sha256(content).digest(), buckets) for content in contents]
    assert found == [list(buckets)[number] for number in expected]
