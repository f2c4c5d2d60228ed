"""Two runs of one pipeline at once: the second ends with one line, or waits."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.end_to_end.project import REPOSITORY, Project, mlpipe

HOLDER = """
import sys
from pathlib import Path
from pipeline.home import Home
from pipeline.lock import lock

with lock(Home(Path(sys.argv[1])), "toy", "the-other-run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(finished: Project) -> Iterator[subprocess.Popen[str]]:
    """A process that works on a run of the same pipeline until its input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(finished.home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    if child.poll() is None:
        child.kill()
    child.communicate()


def test_the_second_ends_with_one_line(finished: Project, other: subprocess.Popen[str]) -> None:
    result = finished.run("--force")
    assert result.code == 1
    assert result.out == ""
    assert result.err == (
        f"mlpipe: toy is busy: process {other.pid} works on run the-other-run; wait until it has ended, or end that"
        " process\n"
    )
    assert finished.runs() == ["succeeded"]


def test_the_second_waits(finished: Project, other: subprocess.Popen[str]) -> None:
    child = finished.start("--wait")
    assert child.stdout is not None
    assert child.stdout.readline() == f"waiting for run the-other-run (process {other.pid})\n"
    time.sleep(1)
    assert child.poll() is None
    other.communicate()
    out, err = child.communicate()
    assert (child.returncode, err) == (0, "")
    assert re.fullmatch(r"toy is up to date: run \S+ used the same data, code and configuration\n", out)


def test_the_lock_goes_with_its_process(finished: Project, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert finished.run().code == 0


def test_other_pipelines_are_not_held_up(finished: Project, other: subprocess.Popen[str]) -> None:
    text = (finished.folder / "toy.yaml").read_text().replace("name: toy", "name: toy_2")
    (finished.folder / "toy_2.yaml").write_text(text)
    result = mlpipe("run", "toy_2.yaml", "--set", "data.path=none.csv", "--home", str(finished.home.root))
    assert result.code == 2
    assert "no such file" in result.err
