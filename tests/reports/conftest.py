from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import Home
from tests.pipeline.records import Recorder, copy_of, history
from tests.reports.evaluations import Evaluated, recorded


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """The runs of `records.history`: only to be read."""
    return history(Home(tmp_path_factory.mktemp("history")))


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """A model and its evaluations on unseen data: only to be read."""
    return recorded(Home(tmp_path_factory.mktemp("evaluated")))


@pytest.fixture
def recorder(past: Recorder, tmp_path: Path) -> Recorder:
    """The runs of `records.history`, for one test to change."""
    return copy_of(past, Home(tmp_path))
