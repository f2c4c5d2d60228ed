"""Evaluations and trainings of the loop: each in a process of its own, which ends with the loop.

A process for each keeps the memory of the loop small, takes new code as it is, and cannot take the loop down.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import REPOSITORY
from pipeline.home import Home

_PR_SET_PDEATHSIG = 1
# Of the 30 that Kubernetes gives a container.
_END_SECONDS = 20


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and the line by which it told what was wrong."""

    code: int
    line: str


@dataclass(frozen=True)
class Worker:
    """Runs commands on one pipeline; all that they print goes to the log."""

    pipeline: str
    overrides: Sequence[str]
    home: Home
    log: Path

    def evaluate(self, span: int, run_id: str) -> Ended:
        """`mlpipe evaluate` of the model that was pushed last, on a span."""
        return self._call("evaluate", ["--span", str(span)], run_id, ())

    def train(self, span: int, run_id: str, overrides: Sequence[str]) -> Ended:
        """`mlpipe run` on the data up to a span."""
        return self._call("run", [], run_id, (f"data.span={span}", *overrides))

    def _call(self, command: str, options: Sequence[str], run_id: str, overrides: Sequence[str]) -> Ended:
        settings = [word for one in (*self.overrides, *overrides) for word in ("--set", one)]
        arguments = [command, self.pipeline, *options, *settings, "--run-id", run_id, "--wait"]
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            start = log.tell()
            child = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", *arguments, "--home", str(self.home.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
                # Ctrl-C in the terminal is for the loop, which ends the child in its turn.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
            try:
                code = child.wait()
            except BaseException:
                _end(child)
                raise
        return Ended(code, _last_line(self.log, start))


def _end_with_parent() -> None:
    """A loop that is killed must not leave a run behind that holds the pipeline."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_line(log: Path, start: int) -> str:
    """The last line by which `mlpipe` itself told something, without its name."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").splitlines()
    told = [line for line in lines if line.startswith("mlpipe: ")]
    return (told or lines or ["it said nothing"])[-1].removeprefix("mlpipe: ")
