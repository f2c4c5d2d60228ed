"""Transform against TFX's own on the same examples: graph, vocabularies, moments and transformed examples."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.transform import executor as tfx_transform
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, proto_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from common.errors import BadInput
from components import batches
from components.columnar_example_gen import examples as example_files
from components.columnar_example_gen import writer
from components.columnar_example_gen.options import ReaderOptions
from components.transform.executor import Executor
from data import taxi

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--sdk_container_image=none"]
FUNCTIONS = "tests.components.transform.preprocessing"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[types.Artifact]]:
    """4,000 taxi rows as ExampleGen writes them, in two files of the train split, and their schema."""
    folder = tmp_path_factory.mktemp("inputs")
    csv = folder / "taxi.csv"
    csv.write_text("".join(taxi.write_csv(folder).read_text().splitlines(keepends=True)[:4001]))
    built = example_files.build({"all": [str(csv)]}, ReaderOptions(), {"train": 7, "valid": 1, "eval": 2})
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "valid", "eval"])
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    for split in ("train", "valid", "eval"):
        records = list(built.records(split))
        half = len(records) // 2 if split == "train" else len(records)
        shards = [records[:half], records[half:]] if half < len(records) else [records]
        writer.write_split(str(folder / "examples" / f"Split-{split}"), shards)
    schema = standard_artifacts.Schema()
    schema.uri = str(folder / "schema")
    os.makedirs(schema.uri)
    decoded = ExamplesToRecordBatchDecoder().DecodeBatch(list(built.records("train")))
    statistics = stats_impl.generate_statistics_in_memory(decoded)
    io_utils.write_pbtxt_file(
        os.path.join(schema.uri, "schema.pbtxt"), tfdv.infer_schema(statistics, infer_feature_shape=False)
    )
    return {"examples": [examples], "schema": [schema]}


def run(
    executor: Any,
    inputs: dict[str, list[types.Artifact]],
    folder: Path,
    function: str = "many_analyzers",
    beam: list[str] = IN_MEMORY,
) -> dict[str, list[types.Artifact]]:
    graph, transformed = standard_artifacts.TransformGraph(), standard_artifacts.Examples()
    graph.uri, transformed.uri = str(folder / "graph"), str(folder / "transformed")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    outputs = {"transform_graph": [graph], "transformed_examples": [transformed]}
    splits = transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "valid"])
    properties = {
        "preprocessing_fn": f"{FUNCTIONS}.{function}",
        "custom_config": json.dumps({"buckets": 7}),
        "splits_config": proto_utils.proto_to_json(splits),
        "disable_statistics": 1,
    }
    executor(context).Do(inputs, outputs, properties)
    return outputs


@pytest.fixture(scope="module")
def ours(inputs: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[types.Artifact]]:
    return run(Executor, inputs, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stock(inputs: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[types.Artifact]]:
    return run(tfx_transform.Executor, inputs, tmp_path_factory.mktemp("stock"))


def graph_of(outputs: dict[str, list[types.Artifact]]) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(outputs["transform_graph"][0].uri)


def rows(outputs: dict[str, list[types.Artifact]], split: str) -> list[dict[str, Any]]:
    """The transformed examples in the order in which they are written; only keys and values, not map order."""
    (artifact,) = outputs["transformed_examples"]
    records = tf.data.TFRecordDataset(batches.files(artifact, split), "GZIP").as_numpy_iterator()
    found = []
    for record in records:
        features = tf.train.Example.FromString(record).features.feature
        found.append(
            {
                name: list(getattr(features[name], features[name].WhichOneof("kind")).value)
                for name in sorted(features)
            }
        )
    return found


def test_transformed_examples_are_those_of_stock(ours: Any, stock: Any) -> None:
    for split in ("train", "valid"):
        mine, theirs = rows(ours, split), rows(stock, split)
        assert len(mine) == len(theirs) > 300
        key = lambda row: (row["raw"], row["fare_z"], row["words"], row["miles_bucket"])  # noqa: E731
        for a, b in zip(sorted(mine, key=key), sorted(theirs, key=key), strict=True):
            assert a.keys() == b.keys()
            for name in a:
                if name.startswith("fare"):
                    np.testing.assert_allclose(a[name], b[name], rtol=1e-5, atol=1e-6)
                elif name != "miles_bucket":
                    assert a[name] == b[name], name


def test_what_was_made_of_the_train_split_is_told_beside_the_graph(ours: Any) -> None:
    folder = Path(ours["transform_graph"][0].uri, "observed")
    train = rows(ours, "train")
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (folder / "FeatureStats.pb").read_bytes()
    )
    (dataset,) = statistics.datasets
    assert dataset.num_examples == len(train)
    found = {feature.path.step[0]: feature for feature in dataset.features}
    assert set(found) == set(train[0])
    scores = np.array([row["fare_z"][0] for row in train])
    assert found["fare_z"].num_stats.mean == pytest.approx(scores.mean(), abs=1e-6)
    assert found["fare_z"].num_stats.max == pytest.approx(scores.max())
    vocabularies = json.loads((folder / "vocabularies.json").read_text())
    by_file = {name: graph_of(ours).vocabulary_by_name(name) for name in vocabularies}
    assert by_file
    for name, tokens in by_file.items():
        assert vocabularies[name]["size"] == len(tokens)
        told = [token for token, _ in vocabularies[name]["tokens"]]
        assert told in ([], [token.decode() for token in tokens][: len(told)])


def test_quantiles_differ_by_no_more_than_their_error(ours: Any, stock: Any) -> None:
    """Both boundaries cut the miles within the sketch's error (1 % of the rows)."""
    counts = [
        np.bincount([row["miles_bucket"][0] for row in rows(outputs, "train")], minlength=7)
        for outputs in (ours, stock)
    ]
    total = counts[0].sum()
    assert np.abs(np.cumsum(counts[0]) - np.cumsum(counts[1])).max() <= 0.02 * total


def test_vocabularies_are_those_of_stock(ours: Any, stock: Any) -> None:
    for name in ("company", "payment", "by_weight"):
        assert graph_of(ours).vocabulary_by_name(name) == graph_of(stock).vocabulary_by_name(name)
    assert graph_of(ours).vocabulary_size_by_name("company") == 20


def test_metadata_is_that_of_stock(ours: Any, stock: Any) -> None:
    assert graph_of(ours).transformed_metadata.schema == graph_of(stock).transformed_metadata.schema
    assert graph_of(ours).raw_metadata.schema == graph_of(stock).raw_metadata.schema
    folders = [sorted(os.listdir(outputs["transform_graph"][0].uri)) for outputs in (ours, stock)]
    assert folders[1] == ["metadata", "transform_fn", "transformed_metadata"]
    assert folders[0] == sorted([*folders[1], "observed"])


def test_files_are_named_as_stock_names_them(ours: Any) -> None:
    (artifact,) = ours["transformed_examples"]
    assert artifact_utils.decode_split_names(artifact.split_names) == ["train", "valid"]
    names = [[os.path.basename(path) for path in batches.files(artifact, s)] for s in ("train", "valid")]
    assert names == [
        ["transformed_examples-00000-of-00002.gz", "transformed_examples-00001-of-00002.gz"],
        ["transformed_examples-00000-of-00001.gz"],
    ]


def test_graph_serves_what_was_written(inputs: Any, ours: Any) -> None:
    graph = graph_of(ours)
    (path,) = batches.files(inputs["examples"][0], "valid")
    serialized = list(tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator())
    raw = tf.io.parse_example(serialized, graph.raw_feature_spec())
    served = graph.transform_features_layer()(raw)
    written = rows(ours, "valid")
    np.testing.assert_allclose(served["fare_z"], [row["fare_z"][0] for row in written], rtol=1e-6)
    np.testing.assert_array_equal(served["company"], [row["company"][0] for row in written])


def test_function_without_analyzers(inputs: Any, tmp_path: Path) -> None:
    outputs = run(Executor, inputs, tmp_path, "no_analyzer")
    assert len(rows(outputs, "train")) > 2500
    assert rows(outputs, "valid")[0].keys() == {"fare"}


@pytest.mark.slow
def test_analyzer_that_needs_beam_gives_the_result_of_stock(inputs: Any, tmp_path: Path) -> None:
    mine = run(Executor, inputs, tmp_path / "ours", "beam_only")
    theirs = run(tfx_transform.Executor, inputs, tmp_path / "stock", "beam_only")
    key = lambda row: (row["payment"], row["fare"])  # noqa: E731
    pairs = zip(sorted(rows(mine, "valid"), key=key), sorted(rows(theirs, "valid"), key=key), strict=True)
    for a, b in pairs:
        assert a["payment"] == b["payment"]
        np.testing.assert_allclose(a["fare"], b["fare"], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_unusual_vocabularies_are_those_of_stock(inputs: Any, tmp_path: Path) -> None:
    """Empty, of numbers, with frequencies, shuffled by fingerprint, in gzip TFRecord."""
    mine = run(Executor, inputs, tmp_path / "ours", "empty_vocabulary")
    theirs = run(tfx_transform.Executor, inputs, tmp_path / "stock", "empty_vocabulary")
    for name in ("none", "hours", "numbers", "zipped"):
        assert graph_of(mine).vocabulary_by_name(name) == graph_of(theirs).vocabulary_by_name(name)
    assert sorted(map(str, rows(mine, "valid"))) == sorted(map(str, rows(theirs, "valid")))


def test_common_analyzers_do_without_beam(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Executor, "_make_beam_pipeline", lambda self: pytest.fail("Beam was used"))
    outputs = run(Executor, inputs, tmp_path)
    assert len(rows(outputs, "valid")) > 300


def test_error_of_the_function_passes_through(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no_such_column"):
        run(Executor, inputs, tmp_path, "wrong_column")


def test_bad_input_of_the_function_stays_bad_input(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fare: what is wrong with it"):
        run(Executor, inputs, tmp_path, "bad_input")


def test_error_on_the_data_names_its_cause(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="fare is too high"):
        run(Executor, inputs, tmp_path, "fails_on_data")


@pytest.mark.slow
def test_other_runners_are_left_to_tfx(inputs: Any, ours: Any, tmp_path: Path) -> None:
    several = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    outputs = run(Executor, inputs, tmp_path, beam=[*several, "--sdk_container_image=none"])
    assert graph_of(outputs).vocabulary_by_name("company") == graph_of(ours).vocabulary_by_name("company")
    assert len(rows(outputs, "train")) == len(rows(ours, "train"))
