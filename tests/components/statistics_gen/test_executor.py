"""StatisticsGen against TFX's own on the same examples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.statistics_gen import executor as tfx_statistics_gen
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components import batches
from components.columnar_example_gen import examples as example_files
from components.columnar_example_gen import writer
from components.columnar_example_gen.options import ReaderOptions
from components.statistics_gen.executor import Executor
from data import taxi

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--sdk_container_image=none"]
SPLITS = ["train", "eval", "none"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> types.Artifact:
    """All taxi rows, the train split in two files, and a split without rows."""
    folder = tmp_path_factory.mktemp("inputs")
    built = example_files.build(
        {"all": [str(taxi.write_csv(folder))]}, ReaderOptions(), {"train": 2, "eval": 1}
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder / "examples")
    artifact.split_names = artifact_utils.encode_split_names(SPLITS)
    artifact.span = 7
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    train = list(built.records("train"))
    writer.write_split(f"{artifact.uri}/Split-train", [train[:3000], train[3000:]])
    writer.write_split(f"{artifact.uri}/Split-eval", [built.records("eval")])
    writer.write_split(f"{artifact.uri}/Split-none", [[]])
    return artifact


def run(executor: Any, examples: types.Artifact, folder: Path) -> types.Artifact:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(folder / "statistics")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(IN_MEMORY), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    executor(context).Do({"examples": [examples]}, {"statistics": [artifact]}, {})
    return artifact


@pytest.fixture(scope="module")
def ours(examples: types.Artifact, tmp_path_factory: pytest.TempPathFactory) -> types.Artifact:
    return run(Executor, examples, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stock(examples: types.Artifact, tmp_path_factory: pytest.TempPathFactory) -> types.Artifact:
    return run(tfx_statistics_gen.Executor, examples, tmp_path_factory.mktemp("stock"))


def features(artifact: types.Artifact, split: str) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    (dataset,) = stats_artifact_utils.load_statistics(artifact, split).proto().datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def without_sketches(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.FeatureNameStatistics:
    """All but what comes of quantile sketches, and what floating point makes of another order of sums."""
    exact = statistics_pb2.FeatureNameStatistics()
    exact.CopyFrom(feature)
    numbers = exact.num_stats
    for name in ("mean", "std_dev"):
        setattr(numbers, name, float(f"{getattr(numbers, name):.10g}"))
    numbers.median = 0
    del numbers.histograms[:]
    return exact


@pytest.mark.parametrize("split", ["train", "eval"])
def test_statistics_are_those_of_stock(ours: types.Artifact, stock: types.Artifact, split: str) -> None:
    mine, theirs = features(ours, split), features(stock, split)
    assert mine.keys() == theirs.keys()
    assert len(mine) == 18
    for name in mine:
        a, b = without_sketches(mine[name]), without_sketches(theirs[name])
        if b.WhichOneof("stats") == "num_stats":
            assert a == b, name
        else:
            assert a.string_stats == b.string_stats, name
            assert a.type == b.type


@pytest.mark.parametrize("split", ["train", "eval"])
def test_histograms_are_those_of_stock(ours: types.Artifact, stock: types.Artifact, split: str) -> None:
    """The same buckets; what is counted up to each differs by no more than the sketches' errors."""
    mine, theirs = features(ours, split), features(stock, split)
    compared = 0
    for name, feature in mine.items():
        pairs = zip(feature.num_stats.histograms, theirs[name].num_stats.histograms, strict=True)
        for a, b in pairs:
            assert (a.type, a.num_nan, len(a.buckets)) == (b.type, b.num_nan, len(b.buckets))
            if a.type != statistics_pb2.Histogram.STANDARD:
                continue
            total = sum(bucket.sample_count for bucket in b.buckets)
            seen = [0.0, 0.0]
            for bucket_a, bucket_b in zip(a.buckets, b.buckets, strict=True):
                assert bucket_a.high_value == pytest.approx(bucket_b.high_value, rel=1e-9)
                seen = [seen[0] + bucket_a.sample_count, seen[1] + bucket_b.sample_count]
                assert seen[0] == pytest.approx(seen[1], abs=0.03 * total), name
            compared += 1
    assert compared >= 10


def test_quantiles_and_median_are_those_of_the_data(ours: types.Artifact, tmp_path: Path) -> None:
    """The share of values up to a boundary is that of its quantile, to two in a hundred."""
    built = example_files.build(
        {"all": [str(taxi.write_csv(tmp_path))]}, ReaderOptions(), {"train": 2, "eval": 1}
    )
    rows = built.table.filter(pa.array(built.assigned == built.splits.index("train")))
    compared = 0
    for name, feature in features(ours, "train").items():
        if feature.WhichOneof("stats") != "num_stats":
            continue
        values = rows[name].drop_null().to_numpy()
        (quantiles,) = (
            h for h in feature.num_stats.histograms if h.type == statistics_pb2.Histogram.QUANTILES
        )
        shares = [(i + 1) / len(quantiles.buckets) for i in range(len(quantiles.buckets))]
        bounds = [bucket.high_value for bucket in quantiles.buckets]
        for share, bound in zip([*shares, 0.5], [*bounds, feature.num_stats.median], strict=True):
            assert (values < bound).mean() - 0.02 <= share <= (values <= bound).mean() + 0.02, (name, bound)
        compared += 1
    assert compared >= 10


def test_artifact_is_that_of_stock(ours: types.Artifact, stock: types.Artifact) -> None:
    assert ours.split_names == stock.split_names
    assert ours.span == stock.span == 7
    assert ours.mlmd_artifact.custom_properties == stock.mlmd_artifact.custom_properties
    assert sorted(os.listdir(ours.uri)) == sorted(os.listdir(stock.uri))


def test_split_without_rows_has_an_empty_data_set(ours: types.Artifact, stock: types.Artifact) -> None:
    assert features(ours, "none") == features(stock, "none") == {}


def test_small_batches_give_the_same(
    examples: types.Artifact, ours: types.Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch without any value of a column, or with other types, counts like any other."""
    monkeypatch.setattr(batches, "BATCH_ROWS", 500)
    small = features(run(Executor, examples, tmp_path), "eval")
    whole = features(ours, "eval")
    assert small.keys() == whole.keys()
    for name in whole:
        assert without_sketches(small[name]) == without_sketches(whole[name]), name
