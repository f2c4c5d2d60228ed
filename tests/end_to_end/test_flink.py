"""The taxi pipeline on a Flink cluster with two task managers, of which one is killed: the results are those of one machine."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from tests import beam_results
from tools.flink import cluster, jars

pytestmark = pytest.mark.slow
# A job has tasks for every column: with all of them, those of StatisticsGen and Transform have 342 and 892.
DROPPED = (
    "pickup_census_tract, trip_start_timestamp, trip_start_month, trip_start_day, trip_seconds, pickup_community_area,"
    " dropoff_community_area, dropoff_census_tract, pickup_latitude, pickup_longitude, dropoff_latitude,"
    " dropoff_longitude"
)
FEWER_COLUMNS = [
    word
    for value in (
        f"data.drop=[{DROPPED}]",
        "trainer.features.categorical=[trip_start_hour]",
        "trainer.features.bucketed={fare: 10, trip_miles: 10}",
        "evaluation.slices=[[trip_start_hour]]",
    )
    for word in ("--set", value)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flink")


@pytest.fixture(scope="module")
def flink(folder: Path) -> Iterator[cluster.Cluster]:
    try:
        found = jars.ensure(beam_results.REPOSITORY)
    except BadInput as error:
        pytest.skip(f"no Flink here: {error}")
    with cluster.running(
        found, folder / "cluster", env={**os.environ, "PYTHONPATH": str(beam_results.REPOSITORY)}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def overrides(folder: Path, flink: cluster.Cluster) -> list[str]:
    """What a command needs to run on it."""
    values = (
        "engine=flink",
        "parallelism=2",
        f"job_endpoint={flink.job_endpoint}",
        f"flink_master={flink.master}",
        f"worker_command={beam_results.worker_command(folder)}",
    )
    return [word for value in values for word in ("--set", f"beam.{value}")]


@pytest.fixture(scope="module")
def here(folder: Path) -> Path:
    """On this machine: evaluated, but not pushed."""
    return beam_results.run(folder / "here", *FEWER_COLUMNS, "--until", "Evaluator")


@pytest.fixture(scope="module")
def there(folder: Path, flink: cluster.Cluster, overrides: list[str]) -> Path:
    """The same as far as Transform on Flink, where a task manager is killed in the middle of Transform's job."""
    beam_results.run(folder / "there", *FEWER_COLUMNS, "--until", "StatisticsGen", *overrides)
    with a_kill(flink) as job:
        root = beam_results.run(folder / "there", *FEWER_COLUMNS, "--until", "Transform", *overrides)
    # It had been under way, and part of it was done twice.
    (killed,) = job
    facts = ask(flink, f"/jobs/{killed}")
    assert facts["state"] == "FINISHED"
    assert facts["timestamps"]["RESTARTING"] > 0
    return root


def ask(flink: cluster.Cluster, path: str) -> Any:
    with urllib.request.urlopen(f"http://{flink.master}{path}", timeout=30) as answer:
        return json.load(answer)


def states(flink: cluster.Cluster) -> dict[str, str]:
    """The state of every job that the cluster has had."""
    return {job["id"]: job["status"] for job in ask(flink, "/jobs")["jobs"]}


@contextmanager
def a_kill(flink: cluster.Cluster) -> Iterator[list[str]]:
    """Kills a task manager when a job has begun and not ended, and starts another; gives the job's id."""
    before, hit, over = set(states(flink)), list[str](), threading.Event()

    def wait_and_kill() -> None:
        while not over.wait(0.1):
            for job in set(states(flink)) - before:
                tasks = ask(flink, f"/jobs/{job}")["status-counts"]
                if tasks["RUNNING"] and tasks["FINISHED"]:
                    flink.task_managers[1].kill()
                    flink.task_managers[1].wait()
                    hit.append(job)
                    assert flink.revive() == 1
                    return

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    try:
        yield hit
    finally:
        over.set()
        thread.join()


def test_examples(here: Path, there: Path) -> None:
    beam_results.same_examples(here, there)


def test_statistics(here: Path, there: Path) -> None:
    beam_results.same_statistics(here, there, columns=6)


def test_vocabularies(here: Path, there: Path) -> None:
    beam_results.same_vocabularies(here, there, files=4)


def test_transformed_examples(here: Path, there: Path) -> None:
    beam_results.same_transformed_examples(here, there)


def test_metrics(folder: Path, here: Path, flink: cluster.Cluster, overrides: list[str]) -> None:
    """The same model is evaluated once more."""
    before = set(states(flink))
    beam_results.run(folder / "here", *FEWER_COLUMNS, "--only", "Evaluator", *overrides)
    assert {states(flink)[job] for job in set(states(flink)) - before} == {"FINISHED"}
    beam_results.same_metrics(here, metrics=30)
