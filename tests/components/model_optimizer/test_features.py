"""From stored examples to tensors: missing values, names, images of other sizes and channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from common.raw_features import MISSING_INT
from components import batches, pixels
from components.model_optimizer import features, representative
from components.model_optimizer.features import Reader
from components.model_optimizer.obstacle import Obstacle
from tests.components.model_optimizer import digits


def batch(folder: Path, *rows: dict[str, Any]) -> pa.RecordBatch:
    artifact = digits.examples(folder, eval=[digits.example(**row) for row in rows])
    (path,) = batches.files(artifact, "eval")
    (found,) = batches.record_batches(path, None)
    return found


def reader(columns: tuple[str, ...] = (), **inputs: tuple[list[int], tf.DType]) -> Reader:
    specs = {name: tf.TensorSpec([1, *shape], dtype, name=name) for name, (shape, dtype) in inputs.items()}
    return Reader(specs, columns, pixels.decoder(tf.Module()))


def test_missing_values_and_columns(tmp_path: Path) -> None:
    rows = batch(tmp_path, {"mass": 2.5, "year": 7}, {"mass": None, "year": None}, {"mass": 1.0, "year": 9})
    found = reader(("height",), mass=([], tf.float32), year=([], tf.int64), height=([1], tf.float32)).tensors(
        rows
    )
    np.testing.assert_array_equal(found["mass"], np.array([2.5, np.nan, 1.0], np.float32))
    np.testing.assert_array_equal(found["year"], [7, MISSING_INT, 9])
    assert found["year"].dtype == np.int64
    np.testing.assert_array_equal(found["height"], np.full([3, 1], np.nan, np.float32))


def test_a_feature_whose_name_is_none_of_a_tensor(tmp_path: Path) -> None:
    rows = batch(tmp_path, {"body mass (g)": 2})
    found = reader(body_mass__g_=([], tf.float32)).tensors(rows)
    np.testing.assert_array_equal(found["body_mass__g_"], [2.0])


@pytest.mark.parametrize(
    ("name", "form", "line"),
    [
        ("wing", ([], tf.float32), "the examples have no feature for input wing"),
        ("island", ([], tf.float32), "feature island holds text or bytes, its input takes float32"),
        ("mass", ([], tf.int64), "feature mass holds float, its input takes int64"),
        ("mass", ([2], tf.float32), "feature mass has 1 values, its input takes 2"),
    ],
)
def test_what_cannot_be_fed(tmp_path: Path, name: str, form: Any, line: str) -> None:
    rows = batch(tmp_path, {"mass": 2.5, "island": b"Dream"})
    with pytest.raises(Obstacle) as caught:
        reader(**{name: form}).tensors(rows)
    assert str(caught.value) == line


def test_images_are_decoded_to_what_the_input_takes(tmp_path: Path) -> None:
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4, 1) * 10
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    clear = np.concatenate([red, np.zeros((8, 8, 1), np.uint8)], axis=2)
    rows = batch(tmp_path, *({"image": tf.io.encode_png(image).numpy()} for image in (grey, red, clear)))
    one = reader(image=([4, 4, 1], tf.float32)).tensors(rows)["image"]
    three = reader(image=([4, 4, 3], tf.float32)).tensors(rows)["image"]
    np.testing.assert_array_equal(one[0], grey)
    np.testing.assert_array_equal(one[1], np.full((4, 4, 1), 60.0))
    np.testing.assert_array_equal(one[2], np.full((4, 4, 1), 255.0))
    np.testing.assert_array_equal(three[0], np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(three[1], np.broadcast_to([200.0, 0.0, 0.0], (4, 4, 3)))
    assert three.dtype == np.float32


def test_a_model_that_decodes_by_itself_is_asked(tmp_path: Path) -> None:
    module = tf.Module()
    module.decode_images = tf.function(
        lambda encoded: tf.fill([tf.size(encoded), 2, 2, 1], tf.constant(5, tf.uint8)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path / "1"))
    decode = pixels.decoder(tf.saved_model.load(str(tmp_path / "1")))
    rows = batch(tmp_path / "examples", {"image": b"anything"}, {"image": b"else"})
    spec = tf.TensorSpec([1, 2, 2, 1], tf.float32)
    found = Reader({"image": spec}, (), decode).tensors(rows)["image"]
    np.testing.assert_array_equal(found, np.full((2, 2, 2, 1), 5.0))
    assert found.dtype == np.float32


def test_parts_stay_small_where_images_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = batch(tmp_path, *({"number": i} for i in range(7)))
    monkeypatch.setattr(features, "CHUNK_BYTES", 3 * 224 * 224 * 3 * 4)
    parts = list(reader(image=([224, 224, 3], tf.float32)).chunks(rows))
    assert [part.num_rows for part in parts] == [3, 3, 1]
    assert [v for part in parts for (v,) in part.column("number").to_pylist()] == list(range(7))


def test_the_sample_is_spread_and_does_not_depend_on_the_order(tmp_path: Path) -> None:
    rows = [digits.example(number=i) for i in range(1000)]
    found = [
        sorted(v for (v,) in representative.sample(artifact, "train", 50).column("number").to_pylist())
        for artifact in (
            digits.examples(tmp_path / "a", train=rows),
            digits.examples(tmp_path / "b", train=rows[::-1]),
        )
    ]
    assert found[0] == found[1]
    assert len(set(found[0])) == 50
    # Each fifth of a sorted split has its share, 10 give or take.
    shares = np.histogram(found[0], bins=5, range=(0, 1000))[0]
    assert shares.min() >= 4


def test_a_split_that_is_smaller_than_the_sample(tmp_path: Path) -> None:
    few = digits.examples(tmp_path, train=[digits.example(number=i) for i in range(3)], valid=[])
    assert representative.sample(few, "train", 50).num_rows == 3
    with pytest.raises(Obstacle) as caught:
        representative.sample(few, "valid", 50)
    assert str(caught.value) == "int8 needs examples, and the split valid is empty"
