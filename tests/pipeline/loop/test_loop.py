"""Which spans the loop takes up, and that there is one loop for each pipeline."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from common.errors import BadInput, UserError
from pipeline import lock
from pipeline.home import Home
from pipeline.loop import loop, spans
from pipeline.sections import Config
from tests.pipeline.loop.test_step import DRIFTED, GOOD, NAME, Worker
from tests.pipeline.records import Recorder

FILE = f"""\
name: {NAME}
task: multiclass
label: species
data: {{path: "span-{{SPAN}}.csv"}}
trainer: {{module: trainer_modules.tabular}}
evaluation: {{gates: [{{metric: accuracy, lower: 0.9}}]}}
loop: {{retrain: when_drift, settle_seconds: 0, poll_seconds: 0.1}}
"""


@pytest.fixture
def worker(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """In a folder with the pipeline and its first span, which has no number in the records: span 0."""
    monkeypatch.chdir(tmp_path)
    Path(f"{NAME}.yaml").write_text(FILE)
    add(0)
    return Worker(recorder)


def add(*numbers: int) -> None:
    for number in numbers:
        Path(f"span-{number}.csv").write_text("species\nAdelie\n")


def once(worker: Worker) -> None:
    loop.loop(f"{NAME}.yaml", (), worker.recorder.home, once=True, worker=worker)


def test_each_span_after_that_of_the_model_is_treated_once(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.found = [GOOD, DRIFTED, GOOD]
    once(worker)
    assert worker.runs == []
    add(2, 1)
    once(worker)
    once(worker)
    assert worker.runs == ["evaluate 1", "evaluate 2", "train 2 schema.drift={}"]
    add(3)
    once(worker)
    assert worker.runs[3:] == ["evaluate 3"]
    told = capsys.readouterr().out.splitlines()
    assert [re.sub(r"^\S+ (span \d).*", r"\1", line) for line in told] == ["span 1", "span 2", "span 3"]
    log = worker.recorder.home.log(f"{NAME}-loop", "decisions").read_text()
    assert log.splitlines() == told


def test_it_begins_with_the_latest_span_where_there_is_no_model(worker: Worker, tmp_path: Path) -> None:
    add(4, 5)
    first = Worker(Recorder(Home(tmp_path / "new")))
    once(first)
    assert first.runs == ["train 5 schema.drift={}"]


def test_ctrl_c_ends_it_and_nothing_is_lost(
    worker: Worker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pressed)
    loop.loop(f"{NAME}.yaml", (), worker.recorder.home, worker=worker)
    first, last = capsys.readouterr().out.splitlines()
    assert "waits for new spans, looks every 0.1 s" in first
    assert last.endswith("the loop has ended; what was begun goes on when it starts again")
    assert lock.holder(worker.recorder.home, f"{NAME}-loop") is None


def test_a_second_loop_names_the_first(worker: Worker) -> None:
    home = worker.recorder.home
    with lock.lock(home, f"{NAME}-loop", "loop"):
        with pytest.raises(lock.Busy, match=f"a loop of {NAME} goes on already: process {os.getpid()}; "):
            once(worker)


def test_a_file_that_became_wrong_is_waited_for(
    worker: Worker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the loop does while it waits: the file is wrong twice, then mended, then Ctrl-C.
    files = [FILE.replace("lower", "lover"), FILE.replace("lower", "lover"), FILE, None]

    def waiting(seconds: float) -> None:
        text = files.pop(0)
        if text is None:
            raise KeyboardInterrupt
        Path(f"{NAME}.yaml").write_text(text)
        add(1)

    worker.found = [GOOD]
    monkeypatch.setattr(time, "sleep", waiting)
    loop.loop(f"{NAME}.yaml", (), worker.recorder.home, worker=worker)
    told = capsys.readouterr().out
    assert told.count("waits until this is mended: penguin.yaml:6: ") == 1
    assert worker.runs == ["evaluate 1"]


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]


def test_a_hole_is_told_and_what_comes_late_is_taken_up(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.found = [GOOD, GOOD]
    add(4)
    # Nothing is in it yet.
    Path("span-2.csv").mkdir()
    once(worker)
    hole, span = _lines(capsys)
    assert hole == "spans 1 to 3 are not there: goes on with span 4; what comes late is taken up then"
    assert span.startswith("span 4: 100 examples")
    add(3)
    once(worker)
    hole, span = _lines(capsys)
    assert hole.startswith("spans 1 to 2 are not there: goes on with span 3")
    assert worker.runs == ["evaluate 4", "evaluate 3"]


def test_what_is_older_than_the_model_is_told_and_left_alone(
    worker: Worker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Versions of span 0: the first is what the model was trained on.
    Path(f"{NAME}.yaml").write_text(FILE.replace("span-{SPAN}", "span-{SPAN}-{VERSION}"))
    Path("span-0-1.csv").write_text("species\nAdelie\n")
    left = [2, 3, None]

    def waiting(seconds: float) -> None:
        version = left.pop(0)
        if version is None:
            raise KeyboardInterrupt
        Path(f"span-0-{version}.csv").write_text("species\nAdelie\n")

    monkeypatch.setattr(time, "sleep", waiting)
    loop.loop(f"{NAME}.yaml", (), worker.recorder.home, worker=worker)
    assert [line for line in _lines(capsys) if line.startswith("span")] == [
        f"span 0v{version}: left alone: the loop began after span 0; mlpipe evaluate penguin --span 0 judges the model on it"
        for version in (2, 3)
    ]
    assert worker.runs == []


def test_a_store_that_does_not_answer_is_waited_for(
    worker: Worker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    available, answers = spans.available, iter([False, False, True])

    def asked(config: Config) -> list[spans.Span]:
        if not next(answers, True):
            raise UserError("s3://bucket/day-{SPAN}: the store does not answer")
        return available(config)

    def waiting(seconds: float) -> None:
        if worker.runs:
            raise KeyboardInterrupt

    worker.found = [GOOD]
    add(1)
    monkeypatch.setattr(spans, "available", asked)
    monkeypatch.setattr(time, "sleep", waiting)
    loop.loop(f"{NAME}.yaml", (), worker.recorder.home, worker=worker)
    assert [line[:30] for line in _lines(capsys)][1:3] == [
        "waits until this is mended: s3",
        "span 1: 100 examples, accuracy",
    ]


def test_a_rule_on_a_metric_that_is_not_measured_is_refused(worker: Worker) -> None:
    wrong = FILE.replace("when_drift", "{when_metric_falls: {metric: acuracy, by: 0.1}}")
    Path(f"{NAME}.yaml").write_text(wrong)
    with pytest.raises(
        BadInput, match=r"yaml:7: loop\.retrain: 'acuracy' is not measured; did you mean accu"
    ):
        once(worker)
