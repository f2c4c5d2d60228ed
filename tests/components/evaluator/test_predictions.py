"""The Parquet file of each kind of task, from batches of answers as the Evaluator collects them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.evaluator import predictions
from components.evaluator.sample import Answers, Sample


def example(**features: Any) -> bytes:
    made = tf.train.Example()
    for name, given in features.items():
        values = given if isinstance(given, list) else [given]
        feature = made.features.feature[name]
        if isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return bytes(made.SerializeToString())


def written(folder: Path, examples: list[bytes], answers: Answers, task: str, **names: Any) -> pa.Table:
    """What is in the file, of examples that the split holds in this order."""
    file = folder / "split.gz"
    with tf.io.TFRecordWriter(str(file), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for one in examples:
            writer.write(one)
    sample = Sample(100)
    sample.add(reversed(examples), {name: [*reversed(values)] for name, values in answers.items()})
    predictions.write(folder, sample, task, names.get("labels", []), names.get("classes", []), [str(file)])
    return pq.read_table(folder / "predictions.parquet")


def test_binary(tmp_path: Path) -> None:
    examples = [example(x=1.5, name=b"a"), example(x=2.5), example(name=b"\xc3\xa4", tags=[b"x", b"y"])]
    answers = predictions.of_classes(np.array([1, 0, -1]), np.array([[0.9], [0.25], [0.5]]))
    table = written(tmp_path, examples, answers, "binary", labels=["tip"], classes=["no", "yes"])
    assert table.schema.names == ["id", "example", "raw.name", "raw.x", "label.tip", "score.tip", "loss"]
    assert table.to_pydict() == {
        "id": [0, 1, 2],
        "example": examples,
        "raw.name": ["a", None, "ä"],
        "raw.x": [1.5, 2.5, None],
        "label.tip": [1, 0, None],
        "score.tip": [pytest.approx(0.9), 0.25, 0.5],
        "loss": [pytest.approx(-math.log(0.9)), pytest.approx(-math.log(0.75)), None],
    }
    assert table.schema.metadata[b"examples"] == b"3"
    assert json.loads(table.schema.metadata[b"classes"]) == ["no", "yes"]


def test_classes_without_names_and_scores_that_are_not_numbers(tmp_path: Path) -> None:
    scores = np.array([[0.2, 0.8, 0.0], [np.nan, 0.5, 0.5]])
    answers = predictions.of_classes(np.array([2, 0]), scores)
    table = written(tmp_path, [example(x=1), example(x=2)], answers, "multiclass", labels=["kind"])
    assert table["label"].to_pylist() == ["2", "0"]
    assert table["predicted"].to_pylist()[0] == "1"
    assert table["loss"].to_pylist() == [pytest.approx(-math.log(1e-7), rel=1e-6), None]
    assert table.schema.field("scores").type == pa.list_(pa.float32(), 3)


def test_several_outputs_of_a_regression_count_alike(tmp_path: Path) -> None:
    true = {"far": np.array([0.0, 1000.0, np.nan]), "near": np.array([0.0, 1.0, 2.0])}
    made = {"far": np.array([500.0, 1000.0, 0.0]), "near": np.array([0.0, 1.5, 2.0])}
    examples = [example(x=one) for one in range(3)]
    answers = predictions.of_numbers(true, made)
    table = written(tmp_path, examples, answers, "regression", labels=["far", "near"])
    assert table["label.far"].to_pylist() == [0.0, 1000.0, None]
    assert table["prediction.near"].to_pylist() == [0.0, 1.5, 2.0]
    # 500 is one standard deviation of `far`.
    assert table["loss"].to_pylist() == [0.5, pytest.approx(0.25 / np.std([0, 1, 2])), None]


def test_one_output_has_its_error_in_its_own_unit(tmp_path: Path) -> None:
    answers = predictions.of_numbers({"y": np.array([0.0, 10.0])}, {"y": np.array([3.0, 9.0])})
    table = written(tmp_path, [example(x=1), example(x=2)], answers, "regression", labels=["y"])
    assert table["loss"].to_pylist() == [3.0, 1.0]


def test_translations(tmp_path: Path) -> None:
    answers = predictions.of_texts(
        np.array([[b"hola"], [b"adios"]], object),
        {
            "translation": np.array([b"hola", b"hasta luego"], object),
            "log_likelihood": np.array([-3.0, 0.0]),
            "tokens": np.array([2.0, 0.0]),
        },
        "translation",
    )
    examples = [example(source=b"hello there", target=b"hola"), example(source=b"bye", target=b"adios")]
    table = written(tmp_path, examples, answers, "translation", labels=["target"])
    assert table["text"].to_pylist() == ["hello there", "bye"]
    assert table["prediction"].to_pylist() == ["hola", "hasta luego"]
    assert table["reference"].to_pylist() == ["hola", "adios"]
    assert table["tokens"].to_pylist() == [2.0, 0.0]
    assert table["loss"].to_pylist() == [1.5, None]


def test_tags(tmp_path: Path) -> None:
    labels = np.array([[b"O", b"B-x", b"I-x"], [b"O", b"", b""]], object)
    made = {"tags": np.array([[b"O", b"B-x", b"O"], [b"O", b"", b""]], object)}
    answers = predictions.of_texts(labels, made, "tags")
    examples = [
        example(tokens=[b"to", b"New", b"York"], tags=[b"O", b"B-x", b"I-x"]),
        example(tokens=[b"hm"], tags=[b"O"]),
    ]
    table = written(tmp_path, examples, answers, "tagging", labels=["tags"])
    assert table["text"].to_pylist() == ["to New York", "hm"]
    assert table["reference"].to_pylist() == ["O B-x I-x", "O"]
    assert table["prediction"].to_pylist() == ["O B-x O", "O"]
    assert table["loss"].to_pylist() == [pytest.approx(1 / 3), 0.0]


def test_a_language_model(tmp_path: Path) -> None:
    answers = predictions.of_texts(
        None, {"log_likelihood": np.array([[-6.0]]), "tokens": np.array([[3.0]])}, ""
    )
    table = written(tmp_path, [example(text=b"once " * 1000)], answers, "language_model")
    assert table["loss"].to_pylist() == [2.0]
    assert len(table["text"][0].as_py()) == 2000
    assert table.schema.names == ["id", "example", "raw.text", "text", "tokens", "loss"]


def test_words_held_against_their_frequency(tmp_path: Path) -> None:
    answers = predictions.of_texts(
        None,
        {
            "log_likelihood": np.array([-6.0, 0.0]),
            "unigram_log_likelihood": np.array([-7.5, 0.0]),
            "tokens": np.array([3.0, 0.0]),
        },
        "",
    )
    table = written(tmp_path, [example(text=b"once upon"), example(text=b"a")], answers, "embedding")
    assert table["loss"].to_pylist() == [2.0, None]
    assert table["unigram_loss"].to_pylist() == [2.5, None]


def test_equal_examples_stand_in_places_of_their_own(tmp_path: Path) -> None:
    examples = [example(x=1), example(x=2), example(x=1)]
    answers = predictions.of_numbers({"y": np.zeros(3)}, {"y": np.zeros(3)})
    assert written(tmp_path, examples, answers, "regression", labels=["y"])["id"].to_pylist() == [0, 1, 2]


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    predictions.write(tmp_path, Sample(0), "binary", ["y"], [], [])
    assert not (tmp_path / "predictions.parquet").exists()
