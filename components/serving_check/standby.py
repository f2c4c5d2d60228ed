"""A server process that starts before its model is there: to import TensorFlow takes most of the check's time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import components
import serving
from components.serving_check import child

COMMAND = (sys.executable, "-m", child.__name__)
_waiting: list[subprocess.Popen[bytes]] = []


def prepare() -> None:
    """Start a process that imports what the server needs and waits to be told what to serve."""
    if not _waiting:
        _waiting.append(start([*COMMAND, str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))


def take(arguments: Sequence[str], folder: Path, log: Path) -> subprocess.Popen[bytes] | None:
    """The process that waits, told its flags, its folder and where its output goes; None when there is none."""
    while _waiting:
        process = _waiting.pop()
        assert process.stdin is not None
        told = {"arguments": list(arguments), "folder": str(folder), "log": str(log)}
        try:
            process.stdin.write(json.dumps(told).encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            process.wait()
        else:
            return process
    return None


@contextmanager
def ended_afterwards() -> Iterator[None]:
    """A process that waits still is ended after the `with` block, however that ends."""
    try:
        yield
    finally:
        while _waiting:
            with _waiting.pop() as process:
                process.kill()


def start(command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    """A process in whose environment Python finds these packages wherever they are: a checkout, or an installed wheel."""
    roots = {str(Path(package.__path__[0]).parent.absolute()) for package in (serving, components)}
    path = [*sorted(roots), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.STDOUT, **streams)
