"""The taxi pipeline on a Beam job service with workers in processes of their own: the results are those of one machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.end_to_end.project import mlpipe
from tests.portable_beam import Service, portable_beam

pytestmark = pytest.mark.slow
SPLITS = ("train", "valid", "eval")
SHORT = ("--set", "trainer.training.epochs=1", "--set", "evaluation.gates=[{metric: auc, lower: 0.5}]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("portable")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with portable_beam(folder) as running:
        yield running


@pytest.fixture(scope="module")
def here(folder: Path) -> Path:
    """Where a run on this machine left what its nodes made, evaluated but not pushed."""
    return run(folder / "here", "--until", "Evaluator")


@pytest.fixture(scope="module")
def there(folder: Path, service: Service) -> Path:
    """The same as far as Transform, on the job service."""
    return run(folder / "there", "--until", "Transform", *service.overrides)


def run(home: Path, *arguments: str) -> Path:
    result = mlpipe("run", "taxi", *SHORT, *arguments, "--home", str(home))
    assert result.code == 0, result.err
    return home / "pipelines" / "taxi"


def files(root: Path, pattern: str) -> list[Path]:
    found = sorted(root.glob(pattern))
    assert found, pattern
    return found


def records(root: Path, artifact: str, split: str) -> list[bytes]:
    paths = [str(path) for path in files(root, f"{artifact}/*/Split-{split}/*")]
    return list(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator())


def parsed(record: bytes) -> str:
    """The values of an example: how a record orders its features is open."""
    features = tf.train.Example.FromString(record).features.feature
    return str(sorted((name, str(value)) for name, value in features.items()))


def statistics(root: Path, split: str) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """By column, without quantile sketches, and without what floating point makes of another order of sums."""
    (path,) = files(root, f"StatisticsGen/statistics/*/Split-{split}/*")
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    for feature in dataset.features:
        if feature.HasField("num_stats"):
            for name in ("mean", "std_dev"):
                setattr(feature.num_stats, name, float(f"{getattr(feature.num_stats, name):.10g}"))
            feature.num_stats.median = 0
            del feature.num_stats.histograms[:]
    return {feature.path.step[0]: feature for feature in dataset.features}


@pytest.mark.parametrize("split", SPLITS)
def test_examples(here: Path, there: Path, split: str) -> None:
    mine, theirs = (sorted(records(root, "ExampleGen/examples", split)) for root in (here, there))
    assert len(mine) > 1000
    assert mine == theirs


@pytest.mark.parametrize("split", SPLITS)
def test_statistics(here: Path, there: Path, split: str) -> None:
    mine, theirs = statistics(here, split), statistics(there, split)
    assert len(mine) == 16
    assert mine == theirs


def test_vocabularies(here: Path, there: Path) -> None:
    def vocabularies(root: Path) -> dict[str, bytes]:
        found = files(root, "Transform/transform_graph/*/transform_fn/assets/*")
        return {path.name: path.read_bytes() for path in found}

    assert len(vocabularies(here)) == 9
    assert vocabularies(here) == vocabularies(there)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_transformed_examples(here: Path, there: Path, split: str) -> None:
    mine, theirs = (
        sorted(map(parsed, records(root, "Transform/transformed_examples", split))) for root in (here, there)
    )
    assert len(mine) > 1000
    assert mine == theirs


def test_metrics(folder: Path, here: Path, there: Path, service: Service) -> None:
    """The same model is evaluated once more."""
    started = service.workers_log.read_text().count("Starting worker")
    assert started >= 3
    run(folder / "here", "--only", "Evaluator", *service.overrides)
    assert service.workers_log.read_text().count("Starting worker") > started
    mine, theirs = (
        {(row["slice"], row["metric"]): row["value"] for row in json.loads(path.read_text())["metrics"]}
        for path in files(here, "Evaluator/evaluation/*/verdict.json")
    )
    assert len(mine) > 100
    assert theirs == pytest.approx(mine, abs=1e-6)
