"""One gRPC server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.grpc_api import Api


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    started = Api(tmp_path_factory.mktemp("grpc"))
    yield started
    started.close()


@pytest.fixture
def api(served: Api) -> Api:
    served.telemetry.records.clear()
    return served
