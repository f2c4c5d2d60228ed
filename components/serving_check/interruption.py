"""SIGTERM as an exception, so that what was started is ended before the process is."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class _Terminated(BaseException):
    """Not an Exception: nothing on the way takes it for a failure."""


@contextmanager
def cleaned_up_before_sigterm() -> Iterator[None]:
    """SIGTERM leaves the block through its `finally` clauses, and then ends the process as it would have.

    Python takes signals in the main thread alone; in another one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, _raise)
    terminated = False
    try:
        yield
    except _Terminated:
        terminated = True
    finally:
        signal.signal(signal.SIGTERM, former if former is not None else signal.SIG_DFL)
        if terminated:
            os.kill(os.getpid(), signal.SIGTERM)


def _raise(signum: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated
