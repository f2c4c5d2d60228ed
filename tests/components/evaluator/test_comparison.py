"""Which former models can be measured on the candidate's data."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from components.evaluator.comparison import obstacle


@pytest.fixture
def save(tmp_path: Path):
    def saved(name: str, **columns: tf.DType) -> str:
        module = tf.Module()

        @tf.function(
            input_signature=[{key: tf.TensorSpec([None], dtype, name=key) for key, dtype in columns.items()}]
        )
        def serve(inputs):
            return {"rows": tf.shape(next(iter(inputs.values())))[0]}

        folder = str(tmp_path / name)
        tf.saved_model.save(module, folder, signatures={"serving_default": serve.get_concrete_function()})
        return folder

    return saved


def test_a_baseline_on_the_same_columns_is_compared(save) -> None:
    columns = {"mass": tf.float32, "island": tf.string}
    assert obstacle(save("old", **columns), save("new", **columns)) is None


def test_a_new_column_does_not_hinder(save) -> None:
    assert obstacle(save("old", mass=tf.float32), save("new", mass=tf.float32, year=tf.int64)) is None


def test_columns_that_are_gone_are_named(save) -> None:
    old = save("old", mass=tf.float32, island=tf.string, sex=tf.string)
    assert (
        obstacle(old, save("new", mass=tf.float32))
        == "it needs the columns island, sex, which the data does not have"
    )


def test_a_column_of_another_type_is_named(save) -> None:
    old, new = save("old", year=tf.int64), save("new", year=tf.float32)
    assert obstacle(old, new) == "the columns year have another type now"
