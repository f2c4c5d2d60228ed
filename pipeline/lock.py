"""One run of a pipeline at a time: locks that the kernel lets go of when their process dies, however it dies.

A run in one process holds the pipeline's lock alone. The processes of a run that goes node by node share it, and each
holds the lock of its node alone. What runs of several pipelines share, the data in a home, has a lock of its own.
"""

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
# One that reconciles the records, which names no run, holds it for as long as that takes.
_READER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_BRIEF = ".state"
_held_here: dict[Path, str] = {}


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, the run that it works on, and its node where it has only one."""

    pid: int
    run_id: str
    node: str = ""


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
    descriptor = _opened(path)
    try:
        _acquire(descriptor, home, pipeline, wait, on_wait)
        _write(descriptor, Holder(os.getpid(), run_id))
        _held_here[path] = run_id
        try:
            yield
        finally:
            del _held_here[path]
            _write(descriptor, None)
    finally:
        os.close(descriptor)


@contextmanager
def node_lock(home: Home, pipeline: str, run_id: str, node: str) -> Iterator[None]:
    """Hold the lock of one node of a run inside the `with` block, beside other nodes of the same run.

    Raises `Busy` when another run of the pipeline has a process, or another process runs the same node.
    """
    path = home.lock(pipeline)
    shared, own = _opened(path), _opened(home.lock(f"{pipeline}.{node}"))
    try:
        # Two first nodes of two runs would else each see the other, and both give up.
        with brief(home, pipeline):
            _share(shared, own, home, pipeline, Holder(os.getpid(), run_id, node))
        _held_here[path] = run_id
        try:
            yield
        finally:
            del _held_here[path]
            _write(own, None)
    finally:
        os.close(own)
        os.close(shared)


@contextmanager
def brief(home: Home, pipeline: str) -> Iterator[None]:
    """Hold, for a moment, what nodes of one run side by side need when they change what is recorded of the run."""
    with _alone(home.lock(f"{pipeline}{_BRIEF}")):
        yield


@contextmanager
def writing_data(home: Home, name: str) -> Iterator[None]:
    """Let one process at a time write the folder of this name below the home's data; others wait for it."""
    # No pipeline's name begins with a dot.
    with _alone(home.lock(f".data-{name}")):
        yield


def held_here(home: Home, pipeline: str) -> str | None:
    """The run for which this very process holds the lock, else None."""
    return _held_here.get(home.lock(pipeline))


def holder(home: Home, pipeline: str) -> Holder | None:
    """Who holds the pipeline's lock now, in this process or another; None when it is free."""
    return _holder(home.lock(pipeline)) or next(iter(_nodes(home, pipeline)), None)


def nodes_of(home: Home, pipeline: str, run_id: str) -> set[str]:
    """The nodes of a run that go on now, each in a process of its own."""
    return {one.node for one in _nodes(home, pipeline) if one.run_id == run_id}


def _nodes(home: Home, pipeline: str) -> list[Holder]:
    folder = home.lock(pipeline).parent
    found = (_holder(path) for path in sorted(folder.glob(f"{pipeline}.*.lock")) if _BRIEF not in path.name)
    return [one for one in found if one is not None]


def _holder(path: Path) -> Holder | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _try(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _acquire(
    descriptor: int, home: Home, pipeline: str, wait: bool, on_wait: Callable[[Holder], None] | None
) -> None:
    def who() -> Holder:
        # Processes that share the lock have written their names elsewhere.
        return next(iter(_nodes(home, pipeline)), None) or _read(descriptor)

    told = False
    while not _try_patiently(descriptor, fcntl.LOCK_EX, who):
        other = who()
        if not wait:
            raise _busy(pipeline, other)
        if on_wait and not told:
            on_wait(other)
            told = True
        time.sleep(_POLL_SECONDS * 10)


def _share(shared: int, own: int, home: Home, pipeline: str, me: Holder) -> None:
    if not _try_patiently(shared, fcntl.LOCK_SH, lambda: _read(shared)):
        raise _busy(pipeline, _read(shared))
    # What a run in one process left when it was killed.
    _write(shared, None)
    for other in _nodes(home, pipeline):
        if other.run_id != me.run_id:
            raise _busy(pipeline, other)
    if not _try_patiently(own, fcntl.LOCK_EX, lambda: _read(own)):
        raise _busy(pipeline, _read(own))
    _write(own, me)


def _try_patiently(descriptor: int, how: int, who: Callable[[], Holder]) -> bool:
    began = time.monotonic()
    while not _try(descriptor, how):
        patience = _GRACE_SECONDS if who().run_id else _READER_SECONDS
        if time.monotonic() > began + patience:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(pipeline: str, other: Holder) -> Busy:
    work = f"{other.node} of run {other.run_id}" if other.node else f"run {other.run_id or '(starting)'}"
    return Busy(
        f"{pipeline} is busy: process {other.pid} works on {work}; wait until it has ended, or end that process"
    )


def _write(descriptor: int, holder: Holder | None) -> None:
    text = json.dumps({"pid": holder.pid, "run": holder.run_id, "node": holder.node}) if holder else ""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _read(descriptor: int) -> Holder:
    # The holder may be between taking the lock and writing its name.
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["run"]), str(content.get("node", "")))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "")
