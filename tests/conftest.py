"""For all tests."""

from __future__ import annotations

import random
import signal
import sys

import numpy as np
import pytest

# A job in the background of a shell ignores Ctrl-C, and hands that on to every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """The same random weights and rows in every run, whichever tests ran before in this process."""
    random.seed(0)
    np.random.seed(0)
    if (keras := sys.modules.get("keras")) is not None:
        keras.utils.set_random_seed(0)
