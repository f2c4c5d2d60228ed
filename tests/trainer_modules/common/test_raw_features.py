from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import raw_features


def sparse(indices: list[list[int]], values: list[float], rows: int) -> tf.SparseTensor:
    return tf.SparseTensor(
        np.array(indices, np.int64).reshape([-1, 2]), tf.constant(values, tf.float32), [rows, 2]
    )


def test_absent_values_of_a_sparse_feature_are_missing() -> None:
    found = raw_features.dense(sparse([[0, 0], [2, 0], [2, 1]], [1.0, 3.0, 9.0], 3), "x")
    np.testing.assert_array_equal(found, [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(raw_features.is_missing(found), [False, True, False])


def test_a_feature_of_several_values_is_refused() -> None:
    with pytest.raises(BadInput, match=r"feature 'x' has shape \[2\]: one value per example"):
        raw_features.dense(tf.zeros([3, 2]), "x")


@pytest.mark.parametrize(
    ("values", "dtype", "missing"),
    [
        (["a", ""], tf.string, [False, True]),
        ([1.0, float("nan"), float("inf"), -float("inf")], tf.float32, [False, True, True, True]),
        ([0, -1, -(2**31)], tf.int64, [False, False, True]),
    ],
)
def test_what_counts_as_missing(values: list, dtype: tf.DType, missing: list[bool]) -> None:
    np.testing.assert_array_equal(raw_features.is_missing(tf.constant(values, dtype)), missing)


def test_an_empty_example_is_parsed_as_missing_values() -> None:
    spec = {"x": tf.io.FixedLenFeature([1], tf.int64), "t": tf.io.VarLenFeature(tf.string)}
    found = tf.io.parse_example([b""], raw_features.tolerant_spec(spec))
    assert found["x"].numpy().tolist() == [[-(2**31)]]
    assert raw_features.dense(found["t"], "t").numpy().tolist() == [b""]


def test_tensor_names_are_valid_and_differ() -> None:
    columns = ["length (mm)", "length [mm]", "_x", "A", "a", "plain_1", "class", "class_", "self", "größe"]
    found = raw_features.tensor_names(columns)
    assert found["plain_1"] == "plain_1"
    assert found["length (mm)"] == "length__mm_"
    assert found["length [mm]"] == "length__mm__2"
    assert found["_x"] == "x_x"
    assert {found["A"], found["a"]} == {"A", "a_2"}
    assert {found["class"], found["class_"]} == {"class_", "class__2"}
    assert found["self"] == "self_"
    assert found["größe"] == "gr__e"
    for name in found.values():
        with tf.Graph().as_default():
            assert tf.constant(0, name=name).op.name == name
