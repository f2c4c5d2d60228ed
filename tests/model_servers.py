"""Model servers of ServingCheck that need not import TensorFlow: forks of a process that has it, and nothing more."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Any

import pytest

from components.serving_check import standby

_ROOT = Path(__file__).parents[1]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.serving.imported"])


class Fork:
    """What ServingCheck asks a `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess, stdin: IO[bytes] | None) -> None:
        self._process = process
        self.stdin = stdin
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.returncode) is None:
            raise subprocess.TimeoutExpired("model server", timeout or 0.0)
        return code

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        if self.stdin is not None:
            self.stdin.close()
        self.wait()


@contextmanager
def forked() -> Iterator[None]:
    """In this context the servers of ServingCheck are forks: otherwise they do as always, and end with this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standby, "start", _start)
        yield


def _start(command: Sequence[str], **streams: Any) -> Fork:
    words = tuple(command[: len(standby.COMMAND)])
    assert words == standby.COMMAND, command
    # The number of the process that starts it: of a fork this is another.
    arguments = command[len(words) + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_ROOT))
        forkserver.ensure_running()
    ours, theirs = socket.socketpair()
    told = ours.makefile("wb") if streams["stdin"] == subprocess.PIPE else None
    output, folder = streams["stdout"], streams.get("cwd")
    log = os.devnull if output == subprocess.DEVNULL else output.name
    process = _FORKS.Process(
        target=_serve, args=(list(arguments), dict(os.environ), theirs, log, folder), daemon=True
    )
    process.start()
    theirs.close()
    ours.close()
    return Fork(process, told)


def _serve(
    arguments: list[str], environment: dict[str, str], told: socket.socket, log: str, folder: Path | None
) -> None:
    from components.serving_check import child

    os.environ.clear()
    os.environ.update(environment)
    if folder is not None:
        os.chdir(folder)
    os.dup2(told.detach(), 0)
    sys.stdin = os.fdopen(0)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = [child.__name__, str(os.getppid()), *arguments]
    child.main()
