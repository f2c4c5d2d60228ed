from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.home import Home
from reports.ui.app import application
from tests.pipeline.records import Recorder


@pytest.fixture(scope="session")
def client(past: Recorder) -> TestClient:
    return client_of(past.home)


@pytest.fixture
def empty(tmp_path: Path) -> TestClient:
    """The app over a home in which nothing has run."""
    return client_of(Home(tmp_path))


def client_of(home: Home) -> TestClient:
    """The app over a home, with what came of its runs read."""
    app = application(home)
    app.state.index.load().join()
    return TestClient(
        app,
        base_url="http://127.0.0.1",
        raise_server_exceptions=False,
        follow_redirects=False,
    )
