"""For all tests."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.object_store import ObjectStore

# What takes longest begins first, so that no worker is left alone with it at the end.
LONGEST_FIRST = (
    "end_to_end/test_catalog.py",
    "trainer_modules/test_image_classifier.py",
    "end_to_end/test_flink.py",
    "orchestration/test_airflow.py",
    "trainer_modules/test_sequence_to_sequence.py",
    "trainer_modules/test_tabular.py",
    "end_to_end/test_beam_engines.py",
    "end_to_end/test_transfer.py",
    "orchestration/test_kubeflow.py",
    "end_to_end/test_reports.py",
    "trainer_modules",
    "components",
    "end_to_end",
    "orchestration",
    "serving",
)

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of `LONGEST_FIRST`, and those below its folders, in front."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(tests)
        names = {path.as_posix(), *(folder.as_posix() for folder in path.parents)}
        return next((n for n, name in enumerate(LONGEST_FIRST) if name in names), len(LONGEST_FIRST))

    items.sort(key=place)
