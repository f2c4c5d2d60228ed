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

HOLD_NODE = """
import sys
from pathlib import Path
from pipeline.home import Home
from pipeline.lock import node_lock
with node_lock(Home(Path(sys.argv[1])), "penguin", "r7", "Trainer"):
    print("held", flush=True)
    sys.stdin.read()
"""
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


def hold(home: Home, script: str = HOLD) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(home.root)]
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


def test_nodes_of_one_run_go_side_by_side(home: Home) -> None:
    with hold(home, HOLD_NODE) as other:
        with lock.node_lock(home, "penguin", "r7", "Tuner"):
            assert lock.nodes_of(home, "penguin", "r7") == {"Trainer", "Tuner"}
            assert lock.held_here(home, "penguin") == "r7"
        assert lock.nodes_of(home, "penguin", "r7") == {"Trainer"}
        assert lock.nodes_of(home, "penguin", "r8") == set()
        assert lock.holder(home, "penguin") == lock.Holder(other.pid, "r7", "Trainer")
        other.kill()
    assert lock.holder(home, "penguin") is None
    assert lock.nodes_of(home, "penguin", "r7") == set()


def test_a_node_keeps_out_itself_other_runs_and_whole_runs(home: Home) -> None:
    with hold(home, HOLD_NODE) as other:
        line = f"penguin is busy: process {other.pid} works on Trainer of run r7; wait until"
        with pytest.raises(lock.Busy, match=line), lock.node_lock(home, "penguin", "r7", "Trainer"):
            pass
        with pytest.raises(lock.Busy, match=line), lock.node_lock(home, "penguin", "r8", "ExampleGen"):
            pass
        with pytest.raises(lock.Busy, match=line), lock.lock(home, "penguin", "r8"):
            pass
        with lock.node_lock(home, "taxi", "r9", "Trainer"):
            pass
        other.kill()
    with lock.lock(home, "penguin", "r8"):
        pass


def test_a_whole_run_keeps_out_nodes(home: Home) -> None:
    with hold(home) as other:
        line = f"penguin is busy: process {other.pid} works on run r7;"
        with pytest.raises(lock.Busy, match=line), lock.node_lock(home, "penguin", "r8", "Trainer"):
            pass
        other.kill()
        other.wait()
        # What the killed process wrote is not taken for a holder.
        with lock.node_lock(home, "penguin", "r8", "Trainer"):
            with pytest.raises(lock.Busy, match="Trainer of run r8"), lock.lock(home, "penguin", "r9"):
                pass
