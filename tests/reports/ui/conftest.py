from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.home import Home
from reports.ui.app import application
from tests.pipeline.records import Recorder, history

BASE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """The runs of `records.history`: only to be read."""
    return history(Home(tmp_path_factory.mktemp("history")))


@pytest.fixture(scope="session")
def client(past: Recorder) -> TestClient:
    return client_of(past.home)


@pytest.fixture
def empty(tmp_path: Path) -> TestClient:
    """The app over a home in which nothing has run."""
    return client_of(Home(tmp_path))


def client_of(home: Home) -> TestClient:
    return TestClient(application(home), base_url=BASE, raise_server_exceptions=False)
