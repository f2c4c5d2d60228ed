"""All that is printed during a run lands in its log; what people should see stays on the screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, logging, os, subprocess, sys
from pathlib import Path
from pipeline.logs import redirected

log = Path(sys.argv[1])
print("before")
try:
    with redirected(log) as screen:
        print("python out")
        print("python err", file=sys.stderr)
        os.write(1, b"raw out\\n")
        os.write(2, b"raw err\\n")
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["sh", "-c", "echo child out; echo child err >&2"])
        logging.warning("logged")
        print("for people", file=screen)
        if sys.argv[2] == "raise":
            raise RuntimeError("inside")
except RuntimeError as error:
    print("raised", error)
print("after")
print("after err", file=sys.stderr)
os.write(1, b"raw after\\n")
subprocess.run(["sh", "-c", "echo child after"])
print(len(os.listdir("/proc/self/fd")))
"""
LOGGED = {
    "python out",
    "python err",
    "raw out",
    "raw err",
    "from C",
    "child out",
    "child err",
    "WARNING:root:logged",
}


def run(log: Path, ending: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-u", "-c", SCRIPT, str(log), ending], capture_output=True, text=True, check=True
    )


def test_everything_goes_to_the_log_and_back(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "toy" / "1.log"
    done = run(log, "end")
    assert set(log.read_text().splitlines()) == LOGGED
    *lines, open_files = done.stdout.splitlines()
    assert lines == ["before", "for people", "after", "raw after", "child after"]
    assert done.stderr.splitlines() == ["after err"]
    # 0, 1, 2 and the one that lists.
    assert int(open_files) == 4


def test_an_exception_restores_the_streams(tmp_path: Path) -> None:
    done = run(tmp_path / "1.log", "raise")
    assert done.stdout.splitlines()[:-1] == [
        "before",
        "for people",
        "raised inside",
        "after",
        "raw after",
        "child after",
    ]
    assert done.stderr.splitlines() == ["after err"]


FULL = """
import sys
from pathlib import Path
from pipeline.logs import redirected

try:
    with redirected(Path(sys.argv[1])) as screen:
        print("noise" * 10_000)
        print("for people" * 10_000, file=screen)
        screen.flush()
except OSError as error:
    print("raised", error.strerror, file=sys.stderr)
print("after", file=sys.stderr)
"""


@pytest.mark.parametrize("full", ["screen", "log"])
def test_the_streams_come_back_on_a_full_disk(full: str, tmp_path: Path) -> None:
    log = "/dev/full" if full == "log" else str(tmp_path / "1.log")
    with Path("/dev/full" if full == "screen" else tmp_path / "screen").open("w") as screen:
        done = subprocess.run(
            [sys.executable, "-c", FULL, log], stdout=screen, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr.splitlines()[:2] == ["raised No space left on device", "after"]


def test_a_log_is_continued(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("earlier\n")
    run(log, "end")
    lines = log.read_text().splitlines()
    assert lines[0] == "earlier"
    assert set(lines[1:]) == LOGGED
