from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import pytest

from pipeline.signals import Terminated, terminable


class Finalized:
    """Gets a signal while it is taken away: what the handler raises is dropped by Python."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        time.sleep(0.01)


def finalize(number: signal.Signals) -> None:
    with terminable():
        one = Finalized(number)
        del one
        time.sleep(20)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_signal_that_comes_in_a_finalizer_is_not_lost(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    hook, handler = sys.unraisablehook, signal.getsignal(signal.SIGTERM)
    with pytest.raises(raised):
        finalize(number)
    assert (sys.unraisablehook, signal.getsignal(signal.SIGTERM)) == (hook, handler)


def test_what_else_a_finalizer_drops_is_told_as_before() -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("in a finalizer")

    told: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, told.append
    try:
        with terminable():
            Bad()
    finally:
        sys.unraisablehook = hook
    assert [str(one.exc_value) for one in told] == ["in a finalizer"]
