"""A run that is killed in any component is continued by the next from the last finished one."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.project import COMPONENTS, Project, mlpipe

pytestmark = pytest.mark.slow
PATIENCE = 300
KILLED_WHILE_PUSHING = """
import os, signal
from components.pusher import executor
executor._flush = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
from pipeline.cli import main
main()
"""


def end_when(project: Project, condition: Callable[[], bool], how: signal.Signals) -> subprocess.Popen[str]:
    """Starts a run and sends it a signal as soon as the condition holds."""
    child = project.start()
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    child.send_signal(how)
    child.wait()
    return child


def runs_now(project: Project, node: str) -> Callable[[], bool]:
    def condition() -> bool:
        return (
            project.home.metadata.exists()
            and project.runs()[-1:] == ["running"]
            and (project.states().get(node) == "running")
        )

    return condition


def trains_now(project: Project) -> bool:
    return bool(list(project.home.pipeline_root("toy").glob("Trainer/checkpoints/*/state.npz")))


def model_servers(project: Project) -> list[str]:
    """Command lines of processes that serve a model of the project."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().decode().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [line for line in lines if "--model_base_path=" in line and str(project.folder) in line]


def assert_nothing_looks_alive(project: Project, interrupted: int) -> None:
    listed = mlpipe("runs", "toy", "--home", str(project.home.root))
    assert listed.code == 0
    assert "running" not in listed.out
    assert listed.out.count("interrupted") == interrupted
    shown = mlpipe("status", "toy", "--home", str(project.home.root))
    assert shown.code == 0
    assert "interrupted" in shown.out
    assert "running" not in project.states().values()


def test_killed_in_one_component_after_the_other(fresh: Project) -> None:
    fresh.change("epochs: 20", "epochs: 300, early_stopping: {patience: 0}")
    end_when(fresh, runs_now(fresh, "Transform"), signal.SIGKILL)
    assert_nothing_looks_alive(fresh, 1)
    assert fresh.states()["Transform"] == "failed"

    end_when(fresh, lambda: trains_now(fresh), signal.SIGKILL)
    assert_nothing_looks_alive(fresh, 2)
    assert fresh.states() == {
        **dict.fromkeys(("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"), "cached"),
        "Transform": "complete",
        "Trainer": "failed",
    }

    end_when(fresh, runs_now(fresh, "Evaluator"), signal.SIGKILL)
    assert_nothing_looks_alive(fresh, 3)
    curves = json.loads(Path(fresh.artifact("Trainer", "model_run").uri, "learning_curves.json").read_text())
    assert curves["resumed_after_epoch"] >= 1
    assert curves["epoch"] == list(range(1, 301))
    assert not trains_now(fresh)

    end_when(fresh, runs_now(fresh, "ServingCheck"), signal.SIGKILL)
    assert_nothing_looks_alive(fresh, 4)
    assert model_servers(fresh) == []

    child = fresh.start(script=KILLED_WHILE_PUSHING)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    assert_nothing_looks_alive(fresh, 5)
    assert fresh.states()["Pusher"] == "failed"
    assert fresh.served() == [".pushing-1"]

    result = fresh.run()
    assert result.code == 0, result.err
    assert fresh.executed() == ["Pusher"]
    assert fresh.served() == ["1"]
    assert fresh.runs() == [*["interrupted"] * 5, "succeeded"]
    # Every component finished once in all, however often it was begun.
    assert {component: counts["complete"] for component, counts in fresh.counts().items()} == dict.fromkeys(
        COMPONENTS, 1
    )
    assert {
        component: counts["failed"] for component, counts in fresh.counts().items() if counts["failed"]
    } == (dict.fromkeys(("Transform", "Trainer", "Evaluator", "ServingCheck", "Pusher"), 1))
    assert fresh.run().out.startswith("toy is up to date")


def test_ctrl_c_is_one_line(finished: Project) -> None:
    finished.change("epochs: 20", "epochs: 5000, early_stopping: {patience: 0}")
    child = end_when(finished, lambda: trains_now(finished), signal.SIGINT)
    out, err = child.communicate()
    assert child.returncode == 130
    assert err == "mlpipe: interrupted; the next run continues from the last finished component\n"
    assert "Traceback" not in out
    assert re.search(r"Trainer +failed", out)
    assert finished.runs() == ["succeeded", "interrupted"]
    assert "running" not in finished.states().values()
    assert finished.served() == ["1"]
