from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import record, runs
from pipeline.home import Home
from tests.pipeline.records import Recorder

PIPELINE = "penguin"


def same_as(recorder: Recorder, selector: str) -> Any:
    run = runs.get_run(recorder.store, PIPELINE, selector)
    return SimpleNamespace(config=SimpleNamespace(name=PIPELINE), digest=run.fingerprint)


@pytest.fixture
def two(tmp_path: Path) -> Recorder:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1")
    recorder.run("r2", trainer={"seed": 2})
    return recorder


def test_up_to_date_while_the_pushed_version_is_there(two: Recorder) -> None:
    assert record.up_to_date(two.store, same_as(two, "r2")) == "r2"
    assert record.up_to_date(two.store, same_as(two, "r1")) is None


def test_an_older_version_that_was_pruned_does_not_matter(two: Recorder) -> None:
    two.unserve(1)
    assert record.up_to_date(two.store, same_as(two, "r2")) == "r2"


def test_not_up_to_date_when_the_version_is_gone(two: Recorder) -> None:
    two.unserve(2)
    assert record.up_to_date(two.store, same_as(two, "r2")) is None


def test_not_up_to_date_after_a_failure(two: Recorder) -> None:
    wanted = same_as(two, "r2")
    two.run("r3", trainer={"seed": 2}, stop="Trainer", state="failed", last="FAILED")
    assert runs.get_run(two.store, PIPELINE, "r3").fingerprint == wanted.digest
    assert record.up_to_date(two.store, wanted) is None
