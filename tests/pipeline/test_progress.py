"""Plain lines in a pipe, a live display in a terminal."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import progress as progress_module
from pipeline.node import NodeResult
from pipeline.progress import Progress

LOGGER = logging.getLogger("mlpipe.progress")
SCRIPT = """
import logging, sys, time
from pipeline.progress import Progress

with Progress(sys.stdout) as progress:
    progress.say("toy: run 1")
    progress.started("Trainer")
    logging.getLogger("mlpipe.progress").info("step %d/%d loss %.4f", 3, 9, 0.5)
    time.sleep(0.6)
    progress.done("Trainer")
    progress.started("Evaluator")
"""


def result(node_id: str, state: str) -> NodeResult:
    return NodeResult(node_id, state, 0.1, {})


def lines(stream: io.StringIO) -> list[str]:
    """What was printed, with the seconds taken out."""
    return [re.sub(r" +\d+\.\d s", "", line) for line in stream.getvalue().splitlines()]


def test_a_line_for_every_node_in_a_pipe() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        for node_id, state in (("ExampleGen", "cached"), ("Transform", "complete"), ("Pusher", "skipped")):
            progress.started(node_id)
            progress.finished(result(node_id, state))
    assert lines(stream) == [
        "ExampleGen        cached",
        "Transform         done",
        "Pusher            skipped",
    ]


@pytest.mark.parametrize("resolver", ["latest_blessed_model", "former_attributions"])
def test_resolvers_are_shown_only_when_they_fail(resolver: str) -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.started(resolver)
        progress.finished(result(resolver, "complete"))
        progress.started(resolver)
        progress.failed()
    assert lines(stream) == [f"{resolver:<16}  failed"]


def test_a_node_that_runs_when_the_run_ends_failed() -> None:
    stream = io.StringIO()
    progress = Progress(stream)

    def interrupted() -> None:
        with progress:
            progress.started("Trainer")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert lines(stream) == ["Trainer           failed"]
    assert progress not in LOGGER.handlers


def test_training_is_told_every_ten_seconds_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.started("Trainer")
        for step in range(1, 31):
            now[0] += 1
            LOGGER.info("step %d/%d loss %.4f", step, 30, 1 / step)
        progress.finished(result("Trainer", "complete"))
    assert stream.getvalue().splitlines() == [
        "Trainer           step 1/30 loss 1.0000",
        "Trainer           step 11/30 loss 0.0909",
        "Trainer           step 21/30 loss 0.0476",
        "Trainer           done        30.0 s  step 30/30 loss 0.0333",
    ]


def test_the_beginning_of_a_stage_stays() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.started("Trainer")
        LOGGER.info("step 1/2 loss 0.5")
        LOGGER.info("stage fine_tuned: 10 weights train", extra={"mlpipe_line": True})
        progress.done("Trainer")
    assert lines(stream) == [
        "Trainer           step 1/2 loss 0.5",
        "Trainer           stage fine_tuned: 10 weights train",
        "Trainer           done  step 1/2 loss 0.5",
    ]


def test_training_without_a_node_is_no_trouble() -> None:
    stream = io.StringIO()
    with Progress(stream):
        LOGGER.info("step 1/1 loss 0.5")
    assert stream.getvalue() == ""


def test_text_that_looks_like_markup_is_shown_as_it_is() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.say("slice [bold] left out: [/x]")
    assert stream.getvalue() == "slice [bold] left out: [/x]\n"


def environment() -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")
    }
    return {**kept, "TERM": "xterm-256color"}


def test_no_control_characters_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment()
    )
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert [re.sub(r" +\d+\.\d s", "", line) for line in done.stdout.splitlines()] == [
        "toy: run 1",
        "Trainer           step 3/9 loss 0.5000",
        "Trainer           done  step 3/9 loss 0.5000",
        "Evaluator         failed",
    ]


def test_live_in_a_terminal() -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=theirs, stderr=theirs, env=environment(), cwd=Path.cwd()
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            shown += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert child.wait() == 0
    text = shown.decode()
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert re.search(r"Trainer +running +0\.\d s  step 3/9 loss 0\.5000", text)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    finals = [line.strip() for line in re.split(r"[\r\n]+", plain) if "done" in line or "failed" in line]
    assert [re.sub(r" +\d+\.\d s", "", line) for line in finals] == [
        "Trainer           done  step 3/9 loss 0.5000",
        "Evaluator         failed",
    ]
