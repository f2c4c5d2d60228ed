"""Costs are those of the command, not of who measures it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure import command


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_memory_of_the_measuring_process_does_not_count(tmp_path: Path) -> None:
    held = np.ones(100_000_000, np.float64)
    small = command(python("pass"), tmp_path / "log")
    large = command(python("b'x' * 400_000_000"), tmp_path / "log")
    assert held.nbytes / 2**20 > 700
    assert small.peak_mib < 100
    assert 381 < large.peak_mib < 500


def test_output_goes_to_the_log_and_the_environment_to_the_command(tmp_path: Path) -> None:
    command(python("import os; print(os.environ['A'])"), tmp_path / "log", {"A": "one"})
    assert (tmp_path / "log").read_text() == "one\n"


def test_a_command_that_fails_is_told_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        command(python("raise SystemExit('no such thing')"), tmp_path / "log")
