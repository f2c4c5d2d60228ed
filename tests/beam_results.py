"""What runs of taxi on two of Beam's engines left behind, compared: it has to be the same."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.end_to_end.project import mlpipe

REPOSITORY = Path(__file__).parents[1]
SPLITS = ("train", "valid", "eval")
SHORT = ("--set", "trainer.training.epochs=1", "--set", "evaluation.gates=[{metric: auc, lower: 0.5}]")


def run(home: Path, *arguments: str) -> Path:
    """Where a run of taxi, with a short training, left what its nodes made."""
    result = mlpipe("run", "taxi", *SHORT, *arguments, "--home", str(home))
    assert result.code == 0, result.err
    return home / "pipelines" / "taxi"


def worker_command(folder: Path) -> Path:
    """A program that becomes a Beam worker with the code of this checkout."""
    worker = folder / "worker"
    program = [sys.executable, str(REPOSITORY / "pipeline/beam_worker.py")]
    worker.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n')
    worker.chmod(0o755)
    return worker


def same_examples(here: Path, there: Path) -> None:
    """ExampleGen: the records of each split, in any order."""
    for split in SPLITS:
        mine, theirs = (sorted(_records(root, "ExampleGen/examples", split)) for root in (here, there))
        assert len(mine) > 1000
        assert mine == theirs


def same_statistics(here: Path, there: Path, columns: int) -> None:
    """StatisticsGen: every column, without quantile sketches."""
    for split in SPLITS:
        mine, theirs = _statistics(here, split), _statistics(there, split)
        assert len(mine) == columns
        assert mine == theirs


def same_vocabularies(here: Path, there: Path, files: int) -> None:
    """Transform: what it looked for in the examples."""
    mine, theirs = _vocabularies(here), _vocabularies(there)
    assert len(mine) == files
    assert mine == theirs


def same_transformed_examples(here: Path, there: Path) -> None:
    """Transform: the examples, in any order."""
    for split in ("train", "valid"):
        mine, theirs = (
            sorted(map(_parsed, _records(root, "Transform/transformed_examples", split)))
            for root in (here, there)
        )
        assert len(mine) > 1000
        assert mine == theirs


def same_metrics(root: Path, metrics: int) -> None:
    """Evaluator, which ran on this machine first, and now once more: every metric of every slice."""
    verdicts = _files(root, "Evaluator/evaluation/*/verdict.json")
    verdicts.sort(key=lambda path: int(path.parent.name))
    assert len(verdicts) > 1
    mine, theirs = (
        {(row["slice"], row["metric"]): row["value"] for row in json.loads(path.read_text())["metrics"]}
        for path in (verdicts[0], verdicts[-1])
    )
    assert len(mine) >= metrics
    assert theirs == pytest.approx(mine, abs=1e-6)


def _files(root: Path, pattern: str) -> list[Path]:
    found = sorted(root.glob(pattern))
    assert found, pattern
    return found


def _records(root: Path, artifact: str, split: str) -> list[bytes]:
    paths = [str(path) for path in _files(root, f"{artifact}/*/Split-{split}/*")]
    return list(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator())


def _parsed(record: bytes) -> str:
    """The values of an example: how a record orders its features is open."""
    features = tf.train.Example.FromString(record).features.feature
    return str(sorted((name, str(value)) for name, value in features.items()))


def _vocabularies(root: Path) -> dict[str, bytes]:
    found = _files(root, "Transform/transform_graph/*/transform_fn/assets/*")
    return {path.name: path.read_bytes() for path in found}


def _statistics(root: Path, split: str) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """By column, without quantile sketches, and without what floating point makes of another order of sums."""
    (path,) = _files(root, f"StatisticsGen/statistics/*/Split-{split}/*")
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    for feature in dataset.features:
        if feature.HasField("num_stats"):
            for name in ("mean", "std_dev"):
                setattr(feature.num_stats, name, float(f"{getattr(feature.num_stats, name):.10g}"))
            feature.num_stats.median = 0
            del feature.num_stats.histograms[:]
    return {feature.path.step[0]: feature for feature in dataset.features}
