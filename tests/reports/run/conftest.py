from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import Home
from reports import run_facts
from reports.run_facts import RunFacts
from tests.pipeline.records import Recorder, copy_of


@pytest.fixture(scope="session")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """A pipeline that has run once: only to be read."""
    recorder = Recorder(Home(tmp_path_factory.mktemp("one_run")))
    recorder.run("20261123-010000")
    return recorder


@pytest.fixture
def facts(one_run: Recorder, tmp_path: Path) -> RunFacts:
    """The only run of a pipeline, with artifacts that a test fills."""
    return run_facts.find(copy_of(one_run, Home(tmp_path)).home, "penguin")
