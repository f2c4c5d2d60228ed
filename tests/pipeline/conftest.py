from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import Home
from tests.pipeline.records import Recorder, copy_of, history


@pytest.fixture(params=["rest", "grpc", "local"])
def way(request: pytest.FixtureRequest) -> list[str]:
    """Options that ask the server of the module's fixture `server` over either protocol, or the model itself."""
    if request.param == "local":
        return ["--local"]
    server = request.getfixturevalue("server")
    if request.param == "grpc":
        return ["--grpc", "--port", str(server.grpc_port)]
    return ["--rest-api-port", str(server.rest_port)]


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """The runs of `records.history`: only to be read."""
    return history(Home(tmp_path_factory.mktemp("history")))


@pytest.fixture
def recorder(past: Recorder, tmp_path: Path) -> Recorder:
    """The runs of `records.history`, for one test to change."""
    return copy_of(past, Home(tmp_path))
