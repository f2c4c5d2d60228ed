"""Batches of a file: every row once, bounded in rows and bytes; and what is left to Beam."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from components import batches
from components.columnar_example_gen import writer

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


def example(number: int, text: bytes = b"x") -> bytes:
    features = {
        "number": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
        "text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture
def artifact(tmp_path: Path) -> types.Artifact:
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path)
    examples.split_names = artifact_utils.encode_split_names(["train"])
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    return examples


def numbers(path: str) -> list[list[int]]:
    """The values of the column `number`, batch by batch."""
    return [
        [value for (value,) in batch.column("number").to_pylist()]
        for batch in batches.record_batches(path, None)
    ]


@pytest.mark.parametrize(("rows", "expected"), [(1, [1] * 7), (3, [3, 3, 1]), (100, [7])])
def test_every_row_comes_once_and_in_order(
    artifact: types.Artifact, monkeypatch: pytest.MonkeyPatch, rows: int, expected: list[int]
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", rows)
    writer.write_split(f"{artifact.uri}/Split-train", [[example(i) for i in range(7)]])
    (path,) = batches.files(artifact, "train")
    found = numbers(path)
    assert [len(batch) for batch in found] == expected
    assert [number for batch in found for number in batch] == list(range(7))


def test_large_examples_come_in_small_batches(
    artifact: types.Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 10_000)
    large = [example(i, b"x" * 4_000) for i in range(5)]
    writer.write_split(f"{artifact.uri}/Split-train", [large])
    (path,) = batches.files(artifact, "train")
    assert numbers(path) == [[0, 1], [2, 3], [4]]


def test_shards_are_in_order_and_empty_files_have_no_batch(artifact: types.Artifact) -> None:
    writer.write_split(f"{artifact.uri}/Split-train", [[example(1)], [], [example(2)]])
    assert [numbers(path) for path in batches.files(artifact, "train")] == [[[1]], [], [[2]]]


def test_local_runner_and_files_of_example_gen(artifact: types.Artifact) -> None:
    assert batches.can_read_here([artifact], IN_MEMORY)


@pytest.mark.parametrize(
    "options",
    [
        ["--runner=FlinkRunner"],
        ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"],
        [*IN_MEMORY, "--runner=DataflowRunner"],
    ],
)
def test_other_runners_get_beam(artifact: types.Artifact, options: list[str]) -> None:
    assert not batches.can_read_here([artifact], options)


def test_other_files_get_beam(artifact: types.Artifact) -> None:
    examples_utils.set_file_format(artifact, "parquet")
    assert not batches.can_read_here([artifact], IN_MEMORY)


def test_other_payloads_get_beam(artifact: types.Artifact) -> None:
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE)
    assert not batches.can_read_here([artifact], IN_MEMORY)


def test_splits_in_folders_of_their_own_get_beam(artifact: types.Artifact) -> None:
    name = examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME
    artifact.set_string_custom_property(name, json_utils.dumps({"train": "a/*"}))
    assert not batches.can_read_here([artifact], IN_MEMORY)
