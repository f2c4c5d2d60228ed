"""Models in a process of their own: what they answer, and what becomes of the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.home import Home
from reports.what_if.models import ModelFailed, Models
from tests.reports.what_if import birds

ROWS = [
    {"bill": 50.0, "island": "Dream", "mass": 3000},
    {"bill": float("nan"), "island": "", "mass": birds.MISSING_INT},
]


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    asker = Models()
    yield asker
    asker.close()


def ends(pid: int) -> bool:
    """Whether a process is gone within some seconds."""
    for _ in range(400):
        try:
            # One whose parent died may wait to be taken note of.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_it_answers_what_the_model_answers(models: Models, real_home: Home) -> None:
    folder = real_home.serving("birds") / "2"
    signatures = models.signatures(folder)
    assert signatures["serving_default"].inputs == birds.INPUTS
    answers = models.predict(folder, "serving_default", ROWS)
    expected = [birds.probability(row, 2) for row in ROWS]
    assert [row["probability"][0] for row in answers] == pytest.approx(expected, abs=1e-6)
    assert [row["label"] for row in answers] == ["yes", "no"]
    examples = [{"examples": birds.serialized(row)} for row in birds.rows()]
    many = models.predict(folder, "serving_examples", examples)
    expected = [birds.probability(row, 2) for row in birds.rows()]
    assert [row["probability"][0] for row in many] == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_loaded_or_asked_is_one_line(models: Models, real_home: Home, tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="there is no SavedModel"):
        models.signatures(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(ModelFailed, match="cannot be loaded as a SavedModel: ") as failed:
        models.signatures(tmp_path)
    assert "\n" not in str(failed.value)
    with pytest.raises(ModelFailed, match="input bill"):
        models.predict(real_home.serving("birds") / "1", "serving_default", [{**ROWS[0], "bill": "long"}])


def test_a_process_that_died_is_said_and_started_anew(models: Models, real_home: Home) -> None:
    folder = real_home.serving("birds") / "1"
    models.predict(folder, "serving_default", ROWS)
    pid = models.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, [pid, signal.SIGKILL])
    killer.start()
    with pytest.raises(ModelFailed, match="was ended by signal 9"):
        models.predict(folder, "serving_default", ROWS)
    assert models.predict(folder, "serving_default", ROWS)[0]["label"] == "yes"
    assert models.pid not in (None, pid)


def test_it_ends_when_it_is_idle() -> None:
    idle = Models(idle_seconds=0.3)
    with pytest.raises(ModelFailed):
        idle._ask({})
    pid = idle.pid
    assert pid is not None
    assert ends(pid)
    assert idle.pid is None


APP = """
import os
from reports.what_if.models import ModelFailed, Models
models = Models()
try:
    models._ask({})
except ModelFailed:
    print(models.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_it_ends_with_the_app_however_that_ends() -> None:
    app = subprocess.run([sys.executable, "-c", APP], capture_output=True, text=True, check=False)
    assert app.returncode == -signal.SIGKILL
    assert ends(int(app.stdout))
