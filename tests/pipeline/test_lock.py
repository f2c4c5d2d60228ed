from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import lock
from pipeline.home import Home

HOLD = """
import sys
from pathlib import Path
from pipeline.home import Home
from pipeline.lock import lock
with lock(Home(Path(sys.argv[1])), "penguin", "r7"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def hold(home: Home) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(home.root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_told_who_is_first(home: Home) -> None:
    with hold(home) as other:
        assert lock.holder(home, "penguin") == lock.Holder(other.pid, "r7")
        with pytest.raises(lock.Busy) as error, lock.lock(home, "penguin", "r8"):
            pass
        assert f"penguin is busy: process {other.pid} works on run r7" in str(error.value)
        assert error.value.exit_code == 1
        with lock.lock(home, "taxi", "r8"):
            assert lock.held_here(home, "taxi") == "r8"
        other.communicate("")


def test_a_killed_holder_leaves_the_lock_free(home: Home) -> None:
    with hold(home) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert lock.holder(home, "penguin") is None
    with lock.lock(home, "penguin", "r8"):
        assert lock.holder(home, "penguin") is not None
    assert lock.holder(home, "penguin") is None
    assert lock.held_here(home, "penguin") is None


def test_waiting_ends_when_the_other_does(home: Home) -> None:
    told: list[lock.Holder] = []
    with hold(home) as other:
        ending = threading.Timer(1, other.communicate, [""])
        began = time.monotonic()
        ending.start()
        with lock.lock(home, "penguin", "r8", wait=True, on_wait=told.append):
            assert time.monotonic() - began >= 1
        ending.join()
        assert told == [lock.Holder(other.pid, "r7")]


def test_looking_at_a_free_lock_makes_no_file(home: Home) -> None:
    assert lock.holder(home, "penguin") is None
    assert list(home.root.iterdir()) == []
