from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.image_classifier_config import Augmentation
from trainer_modules.images.decoding import Form
from trainer_modules.images.examples import Images, form_of, load, read_index

SIDE = Form(4, 5, 1)
MEMORY = 2**20


class Transform:
    """The one question that `read_index` asks the transform graph."""

    def __init__(self, *names: str) -> None:
        self.names = names or ("height_xf", "width_xf", "channels_xf")

    def transformed_feature_spec(self) -> dict[str, tf.io.FixedLenFeature]:
        numbers = {name: tf.io.FixedLenFeature([], tf.int64) for name in (*self.names, "label_xf")}
        return {"image_xf": tf.io.FixedLenFeature([], tf.string), **numbers}


def bytes_of(row: int, shape: tuple[int, int, int]) -> bytes:
    return tf.io.encode_png(np.full(shape, row, np.uint8)).numpy()


def write(path: Path, rows: list[tuple[int, int]], shape: tuple[int, int, int] = (4, 5, 1)) -> None:
    """Rows are (brightness, label)."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row, label in rows:
            numbers = dict(
                zip(("height_xf", "width_xf", "channels_xf", "label_xf"), (*shape, label), strict=True)
            )
            feature = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                for name, value in numbers.items()
            }
            feature["image_xf"] = tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[bytes_of(row, shape)])
            )
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def split(
    folder: Path, cache: int = MEMORY, augmentation: Augmentation = Augmentation(), rows: int = 30
) -> Images:
    for shard in range(3):
        write(folder / f"part{shard}.gz", [(row, row % 3) for row in range(shard, rows, 3)])
    index = read_index([str(folder / "*.gz")], Transform(), "label_xf")
    return load(index, SIDE, augmentation, cache)


def rows_of(dataset: tf.data.Dataset, batches: int) -> list[list[int]]:
    return [
        np.round(pixels[:, 0, 0, 0] * 255).astype(int).tolist()
        for pixels, _ in dataset.take(batches).as_numpy_iterator()
    ]


@pytest.mark.parametrize("cache", [MEMORY, 0])
def test_every_pass_holds_every_image_once_with_its_label(tmp_path: Path, cache: int) -> None:
    images = split(tmp_path, cache)
    assert (images.pixels is None) == (cache == 0)
    assert images.count == 30
    in_order = np.concatenate(rows_of(images.batches(8), 99)).tolist()
    assert in_order == [*range(0, 30, 3), *range(1, 30, 3), *range(2, 30, 3)]
    for pixels, labels in images.training_batches(10, seed=1).take(3).as_numpy_iterator():
        assert (pixels.dtype, pixels.shape) == (np.float32, (10, 4, 5, 1))
        np.testing.assert_array_equal(np.round(pixels[:, 0, 0, 0] * 255).astype(int) % 3, labels)
    rows = rows_of(images.training_batches(10, seed=1), 6)
    first, second = np.concatenate(rows[:3]), np.concatenate(rows[3:])
    assert sorted(first) == sorted(second) == list(range(30))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("cache", [MEMORY, 0])
def test_the_same_seed_gives_the_same_batches_also_after_skipped_steps(tmp_path: Path, cache: int) -> None:
    images = split(tmp_path, cache, Augmentation(brightness=0.5, flip="both"))
    whole = rows_of(images.training_batches(8, seed=5), 12)
    assert whole == rows_of(images.training_batches(8, seed=5), 12)
    assert whole != rows_of(images.training_batches(8, seed=6), 12)
    assert rows_of(images.training_batches(8, seed=5, skip_steps=7), 5) == whole[7:]


@pytest.mark.parametrize("cache", [MEMORY, 0])
def test_the_order_does_not_depend_on_the_global_seed(tmp_path: Path, cache: int) -> None:
    images = split(tmp_path, cache)
    orders = []
    for seed in (0, 7):
        tf.random.set_seed(seed)
        orders.append(rows_of(images.training_batches(8, seed=0), 5))
    assert orders[0] == orders[1]


def test_only_training_changes_images(tmp_path: Path) -> None:
    plain = split(tmp_path, rows=6)
    augmented = split(tmp_path, augmentation=Augmentation(brightness=0.9), rows=6)
    assert rows_of(augmented.batches(6), 1) == rows_of(plain.batches(6), 1)
    assert sorted(rows_of(plain.training_batches(6, 0), 1)[0]) == list(range(6))
    assert sorted(rows_of(augmented.training_batches(6, 0), 1)[0]) != list(range(6))


@pytest.mark.parametrize("cache", [MEMORY, 0])
def test_images_without_a_label_are_left_out(tmp_path: Path, cache: int) -> None:
    write(tmp_path / "a.gz", [(10, 0), (20, -2), (30, 1)])
    images = load(read_index([str(tmp_path / "a.gz")], Transform(), "label_xf"), SIDE, Augmentation(), cache)
    assert images.labels.tolist() == [0, 1]
    assert rows_of(images.batches(9), 9) == [[10, 30]]
    assert set(np.concatenate(rows_of(images.training_batches(2, 0), 4))) == {10, 30}


def test_a_class_that_training_lacks_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [(10, 0), (20, -1)])
    with pytest.raises(BadInput, match="label: 1 examples have a class that the train split lacks"):
        read_index([str(tmp_path / "a.gz")], Transform(), "label_xf")


def test_a_split_without_files_is_empty(tmp_path: Path) -> None:
    index = read_index([str(tmp_path / "none*")], Transform(), "label_xf")
    assert load(index, SIDE, Augmentation(), MEMORY).count == 0


def test_the_form_is_that_of_the_images_unless_told(tmp_path: Path) -> None:
    def found(shapes: list[tuple[int, int, int]], *wanted: Any, transform: Any = None) -> Form:
        for number, shape in enumerate(shapes):
            write(tmp_path / f"{number}.gz", [(1, 0)], shape)
        files = [str(tmp_path / f"{number}.gz") for number in range(len(shapes))]
        return form_of(read_index(files, transform or Transform(), "label_xf"), *wanted, "stretch", 0)

    assert found([(4, 5, 1), (4, 5, 2)], None, None) == Form(4, 5, 1)
    assert found([(4, 5, 1), (4, 5, 4)], None, None) == Form(4, 5, 3)
    assert found([(4, 5, 1), (6, 5, 1)], (8, 9), None) == Form(8, 9, 1)
    assert found([(4, 5, 3)], None, 1) == Form(4, 5, 1)
    with pytest.raises(
        BadInput, match=r"2 sizes \(4 x 5 to 6 x 5\): set trainer.model.image.size to \[height"
    ):
        found([(4, 5, 1), (6, 5, 1)], None, None)
    with pytest.raises(BadInput, match=r"no height, width and channels: set trainer.model.image"):
        found([(4, 5, 1)], (4, 5), None, transform=Transform("height_xf"))
