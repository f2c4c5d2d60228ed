"""SIGTERM, by which orchestrators end a task: the run is closed as Ctrl-C closes it, and the process ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN_SECONDS = 0.1


class Terminated(BaseException):
    """The process was asked to end."""

    exit_code = 128 + signal.SIGTERM


@contextmanager
def terminable() -> Iterator[None]:
    """Inside the `with` block SIGTERM raises `Terminated`, once: what closes the run is not itself interrupted.

    Neither it nor Ctrl-C is lost when it comes while Python runs a finalizer, which drops what is raised in it: it is
    sent again.
    """
    former, hook = signal.signal(signal.SIGTERM, _raise), sys.unraisablehook

    def dropped(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _send_again(signal.SIGINT)
        elif issubclass(unraisable.exc_type, Terminated):
            signal.signal(signal.SIGTERM, _raise)
            _send_again(signal.SIGTERM)
        else:
            hook(unraisable)

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, former)


def _send_again(number: signal.Signals) -> None:
    threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Terminated
