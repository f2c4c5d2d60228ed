"""Wall time and peak memory of a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What one run of a command took: wall time in seconds, the highest resident set of a process in MiB."""

    seconds: float
    peak_mib: float


def command(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Runs a command from the repository, its output going to `log`.

    Raises:
      RuntimeError: the command failed; the end of its output is in the message.
    """
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(seconds, usage.ru_maxrss / 1024)


def mlpipe(*arguments: str) -> list[str]:
    """The `mlpipe` command with the interpreter that runs the benchmark."""
    return [sys.executable, "-m", "pipeline.cli", *arguments]
