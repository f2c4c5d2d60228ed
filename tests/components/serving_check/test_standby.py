"""The process that waits serves what it is told, and is never left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

from components.serving_check import server, standby
from tests.components.serving_check.test_server import is_alive, wait_until
from tests.serving import models


def waiting() -> subprocess.Popen[bytes]:
    [process] = standby._waiting
    return process


def test_it_serves_the_model_that_it_is_told_of(tmp_path: Path) -> None:
    model = tmp_path / "model"
    models.half_plus_two(model)
    with standby.ended_afterwards():
        standby.prepare()
        prepared = waiting()
        standby.prepare()
        assert waiting() is prepared
        with server.running(model, "half", tmp_path / "scratch") as served:
            assert served.process is prepared
            served.wait_until_ready(60)
            assert Path(f"/proc/{prepared.pid}/cwd").resolve() == tmp_path / "scratch"
            assert any("half" in line for line in served.last_lines())
        assert prepared.returncode == -9


def test_it_ends_when_nobody_wants_it(tmp_path: Path) -> None:
    with standby.ended_afterwards():
        standby.prepare()
        prepared = waiting()
    assert prepared.returncode == -9
    assert standby.take([], tmp_path, tmp_path / "log") is None


def test_one_that_died_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with standby.ended_afterwards():
        standby.prepare()
        prepared = waiting()
        prepared.kill()
        wait_until(lambda: not is_alive(prepared.pid))
        assert standby.take(["--port=1"], tmp_path, tmp_path / "log") is None


def test_a_closed_input_ends_it() -> None:
    with standby.ended_afterwards():
        standby.prepare()
        prepared = waiting()
        assert prepared.stdin is not None
        prepared.stdin.close()
        assert prepared.wait(60) == 0
