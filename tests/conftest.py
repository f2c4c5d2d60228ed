"""For all tests."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.object_store import ObjectStore

# A job in the background of a shell ignores Ctrl-C, and hands that on to every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def object_store_server() -> Iterator[ObjectStore]:
    """A server that speaks S3, for all tests of this process."""
    from tests.object_store import object_store

    with object_store() as server:
        yield server


@pytest.fixture
def s3(object_store_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The server with a bucket of the test's own, and the environment of a user who may do everything there."""
    from tests.object_store import use

    use(object_store_server, monkeypatch)
    return object_store_server.with_bucket()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """The same random weights and rows in every run, whichever tests ran before in this process."""
    random.seed(0)
    np.random.seed(0)
    if (keras := sys.modules.get("keras")) is not None:
        keras.utils.set_random_seed(0)
