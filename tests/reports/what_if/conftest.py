from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import Home
from reports.what_if.held_out import HeldOut, read
from tests.reports.what_if import birds


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    folder = tmp_path_factory.mktemp("evaluation")
    birds.write_birds(folder)
    return read(folder)


@pytest.fixture(scope="session")
def real_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two versions of birds with SavedModels: only to be read."""
    home = birds.bird_home(tmp_path_factory.mktemp("real"))
    for version in (1, 2):
        birds.save_model(home.serving("birds") / str(version), version)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two versions of birds without models that TensorFlow could load, for one test to change."""
    return birds.bird_home(tmp_path / "home")
