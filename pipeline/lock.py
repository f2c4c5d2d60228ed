"""One run of a pipeline at a time: a lock that the kernel lets go of when its process dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from pipeline.home import Home

# A reader that looks whether the lock is free holds it for an instant: that is no second run.
_GRACE_SECONDS = 0.3
_POLL_SECONDS = 0.05
_held_here: dict[Path, str] = {}


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock and the run that it works on."""

    pid: int
    run_id: str


class Busy(UserError):
    """Another process holds the lock of the pipeline."""


@contextmanager
def lock(
    home: Home,
    pipeline: str,
    run_id: str,
    wait: bool = False,
    on_wait: Callable[[Holder], None] | None = None,
) -> Iterator[None]:
    """Hold the pipeline's lock for the run `run_id` inside the `with` block.

    With `wait` it waits for as long as another process holds it; `on_wait` is told once who that is.
    Raises `Busy`, which names the pid and the run, when another process holds it and `wait` is false.
    """
    path = home.lock(pipeline)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, pipeline, wait, on_wait)
        _write(descriptor, json.dumps({"pid": os.getpid(), "run": run_id}))
        _held_here[path] = run_id
        try:
            yield
        finally:
            del _held_here[path]
            _write(descriptor, "")
    finally:
        os.close(descriptor)


def held_here(home: Home, pipeline: str) -> str | None:
    """The run for which this very process holds the lock, else None."""
    return _held_here.get(home.lock(pipeline))


def holder(home: Home, pipeline: str) -> Holder | None:
    """Who holds the pipeline's lock now, in this process or another; None when it is free."""
    try:
        descriptor = os.open(home.lock(pipeline), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def _acquire(descriptor: int, pipeline: str, wait: bool, on_wait: Callable[[Holder], None] | None) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                continue
        other = _read(descriptor)
        if not wait:
            raise Busy(
                f"{pipeline} is busy: process {other.pid} works on run {other.run_id or '(starting)'}; "
                "wait until it has ended, or end that process"
            )
        if on_wait and not told:
            on_wait(other)
            told = True
        time.sleep(_POLL_SECONDS * 10)


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _read(descriptor: int) -> Holder:
    # The holder may be between taking the lock and writing its name.
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["run"]))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "")
