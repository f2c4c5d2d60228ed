"""ExampleGen, StatisticsGen and Evaluator of taxi on Beam's job server for Spark: the results are those of one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadInput
from tests import beam_results
from tools.flink import jars
from tools.spark import server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def overrides(folder: Path) -> Iterator[list[str]]:
    """What a command needs to run on it."""
    try:
        found = jars.ensure(beam_results.REPOSITORY, server.POM)
    except BadInput as error:
        pytest.skip(f"no Spark here: {error}")
    env = {**os.environ, "PYTHONPATH": str(beam_results.REPOSITORY)}
    with server.running(found, folder / "server", env=env) as spark:
        values = (
            "engine=spark",
            f"job_endpoint={spark.job_endpoint}",
            f"worker_command={beam_results.worker_command(folder)}",
        )
        yield [word for value in values for word in ("--set", f"beam.{value}")]


def test_results(folder: Path, overrides: list[str]) -> None:
    """All but Transform, whose job takes minutes; the same model is evaluated on both."""
    here = beam_results.run(folder / "here", "--until", "Evaluator")
    there = beam_results.run(folder / "there", "--until", "StatisticsGen", *overrides)
    beam_results.same_examples(here, there)
    beam_results.same_statistics(here, there, columns=16)
    beam_results.run(folder / "here", "--only", "Evaluator", *overrides)
    beam_results.same_metrics(here, metrics=101)
