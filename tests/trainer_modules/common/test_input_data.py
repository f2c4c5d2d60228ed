from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import input_data


class Transform:
    """The one question that `read` asks the transform graph."""

    def transformed_feature_spec(self) -> dict[str, tf.io.FixedLenFeature]:
        return {"x_xf": tf.io.FixedLenFeature([], tf.float32), "y_xf": tf.io.FixedLenFeature([], tf.int64)}


def assemble(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"numeric": features["x_xf"][:, None]}


def write(path: Path, rows: list[tuple[float, int]]) -> None:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for x, y in rows:
            feature = {
                "x_xf": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
                "y_xf": tf.train.Feature(int64_list=tf.train.Int64List(value=[y])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def read(folder: Path, rows: list[tuple[float, int]], **options: int) -> input_data.Split:
    write(folder / "examples.gz", rows)
    return input_data.read([str(folder / "*.gz")], Transform(), assemble, ["y_xf"], **options)


def xs(dataset: tf.data.Dataset, batches: int) -> list[list[float]]:
    return [inputs["numeric"][:, 0].tolist() for inputs, _ in dataset.take(batches).as_numpy_iterator()]


def test_examples_without_a_label_are_left_out(tmp_path: Path) -> None:
    split = read(tmp_path, [(1.0, 0), (2.0, -2), (3.0, 1)])
    assert split.count == 2
    assert xs(split.batches(10), 1) == [[1.0, 3.0]]
    np.testing.assert_array_equal(split.labels, [0, 1])


def test_a_class_unseen_by_train_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="y: 1 examples have a class that the train split lacks"):
        read(tmp_path, [(1.0, 0), (2.0, -1)])


def test_each_pass_holds_every_row_once_in_another_order(tmp_path: Path) -> None:
    split = read(tmp_path, [(float(i), i % 2) for i in range(12)])
    rows = np.concatenate(xs(split.training_batches(4, seed=1), 6))
    assert sorted(rows[:12]) == sorted(rows[12:]) == list(range(12))
    assert rows[:12].tolist() != rows[12:].tolist()


def test_skipped_steps_leave_the_order_as_it_was(tmp_path: Path) -> None:
    split = read(tmp_path, [(float(i), i % 2) for i in range(10)])
    whole = xs(split.training_batches(4, seed=1), 8)
    assert xs(split.training_batches(4, seed=1, skip_steps=5), 3) == whole[5:]


def test_a_large_split_is_streamed(tmp_path: Path) -> None:
    split = read(tmp_path, [(float(i), i % 2) for i in range(12)], memory_bytes=0)
    assert split.inputs is None
    assert split.count == 12
    assert xs(split.batches(5), 9) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    rows = np.concatenate(xs(split.training_batches(4, seed=1), 6))
    assert sorted(rows[:12]) == sorted(rows[12:]) == list(range(12))
    assert rows[:12].tolist() not in (rows[12:].tolist(), list(range(12)))


def test_skipped_steps_of_a_streamed_split_leave_the_order_as_it_was(tmp_path: Path) -> None:
    split = read(tmp_path, [(float(i), i % 2) for i in range(10)], memory_bytes=0)
    whole = xs(split.training_batches(4, seed=1), 8)
    assert {len(rows) for rows in whole} == {4}
    assert xs(split.training_batches(4, seed=1, skip_steps=5), 3) == whole[5:]
    assert xs(split.training_batches(4, seed=2), 8) != whole


def test_an_empty_split_has_no_examples(tmp_path: Path) -> None:
    assert read(tmp_path, []).count == 0
    assert input_data.read([str(tmp_path / "none*")], Transform(), assemble, ["y_xf"]).count == 0
