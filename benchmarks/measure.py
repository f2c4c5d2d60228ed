"""Wall time and peak memory of a command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A new process counts what its parent held when it was made: a small parent keeps a large one out of the figure.
PEAK = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as report:
    report.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""
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
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})}
    with tempfile.NamedTemporaryFile() as report, log.open("wb") as output:
        began = time.monotonic()
        status = subprocess.call(
            [sys.executable, "-S", "-c", PEAK, report.name, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment,
        )
        seconds = time.monotonic() - began
        peak_kib = int(report.read() or 0)
    if status:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(seconds, peak_kib / 1024)


def mlpipe(*arguments: str) -> list[str]:
    """The `mlpipe` command with the interpreter that runs the benchmark."""
    return [sys.executable, "-m", "pipeline.cli", *arguments]
