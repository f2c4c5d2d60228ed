"""The taxi pipeline on a Beam job service with workers in processes of their own, and on Beam's job server for Spark.

The results are those of one machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadInput
from tests import beam_results
from tests.portable_beam import Service, portable_beam
from tools.flink import jars
from tools.spark import server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with portable_beam(folder) as running:
        yield running


@pytest.fixture(scope="module")
def here(folder: Path) -> Path:
    """On this machine: evaluated, but not pushed."""
    return beam_results.run(folder / "here", "--until", "Evaluator")


@pytest.fixture(scope="module")
def there(folder: Path, service: Service) -> Path:
    """The same as far as Transform, on the job service."""
    return beam_results.run(folder / "there", "--until", "Transform", *service.overrides)


def test_examples(here: Path, there: Path) -> None:
    beam_results.same_examples(here, there)


def test_statistics(here: Path, there: Path) -> None:
    beam_results.same_statistics(here, there, columns=16)


def test_vocabularies(here: Path, there: Path) -> None:
    beam_results.same_vocabularies(here, there, files=9)


def test_transformed_examples(here: Path, there: Path) -> None:
    beam_results.same_transformed_examples(here, there)


def test_metrics(folder: Path, here: Path, there: Path, service: Service) -> None:
    """The same model is evaluated once more."""
    started = service.workers_log.read_text().count("Starting worker")
    assert started >= 3
    beam_results.run(folder / "here", "--only", "Evaluator", *service.overrides)
    assert service.workers_log.read_text().count("Starting worker") > started
    beam_results.same_metrics(here, metrics=101)


@pytest.fixture(scope="module")
def spark(folder: Path) -> Iterator[list[str]]:
    """What a command needs to run on it."""
    try:
        found = jars.ensure(beam_results.REPOSITORY, server.POM)
    except BadInput as error:
        pytest.skip(f"no Spark here: {error}")
    env = {**os.environ, "PYTHONPATH": str(beam_results.REPOSITORY)}
    with server.running(found, folder / "server", env=env) as running:
        values = (
            "engine=spark",
            f"job_endpoint={running.job_endpoint}",
            f"worker_command={beam_results.worker_command(folder)}",
        )
        yield [word for value in values for word in ("--set", f"beam.{value}")]


def test_spark(folder: Path, here: Path, spark: list[str]) -> None:
    """ExampleGen, StatisticsGen and Evaluator: Transform's job takes minutes. The same model is evaluated once more."""
    there = beam_results.run(folder / "on_spark", "--until", "StatisticsGen", *spark)
    beam_results.same_examples(here, there)
    beam_results.same_statistics(here, there, columns=16)
    beam_results.run(folder / "here", "--only", "Evaluator", *spark)
    beam_results.same_metrics(here, metrics=101)
