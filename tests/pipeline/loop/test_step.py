"""What happens to a span, with a worker that writes down runs as evaluations and trainings do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput, GateFailed
from pipeline import companions, lock, metadata
from pipeline.home import Home
from pipeline.loop import decisions, loop
from pipeline.loop.spans import Span
from pipeline.loop.step import Step, StillWrittenError, TryAgain
from pipeline.loop.worker import Ended
from pipeline.sections import Config
from pipeline.unseen.judgement import Judgement
from tests.pipeline.records import Recorder

NAME = "penguin"
GOOD = Judgement(
    100,
    [],
    [],
    [{"column": "island", "drifted": False}],
    [{"metric": "accuracy", "output": "", "value": 0.95, "baseline": 0.97, "ok": True, "slice": "overall"}],
    [],
)
DRIFTED = Judgement(100, [], [], [{"column": "island", "drifted": True}], GOOD.metrics, [])
BROKEN = Judgement(100, ["eval: sex: new"], ["eval: sex: new"], [], GOOD.metrics, ["data: eval: sex: new"])


def config(**settings: Any) -> Config:
    return Config.model_validate(
        {
            "name": NAME,
            "task": "multiclass",
            "label": "species",
            "data": {"path": "span-{SPAN}.csv"},
            "trainer": {"module": "trainer_modules.tabular"},
            "evaluation": {"gates": [{"metric": "accuracy", "lower": 0.9}]},
            "loop": {"retrain": "when_drift", **settings},
        }
    )


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Worker:
    """Answers as it is told, in turn; `runs` is what it was asked."""

    recorder: Recorder
    found: list[Judgement | Ended | type[Killed]] = field(default_factory=list)
    accuracy: float = 0.99
    runs: list[str] = field(default_factory=list)

    def evaluate(self, span: int, run_id: str) -> Ended:
        self.runs.append(f"evaluate {span}")
        answer = self.found.pop(0)
        if isinstance(answer, Ended):
            return answer
        known = {"mlpipe_kind": "evaluation", "mlpipe_state": "running"}
        name = companions.evaluations_of(NAME)
        metadata.register_run(self.recorder.store, name, run_id, known)
        if isinstance(answer, type):
            raise answer
        state = "gate_failed" if answer.reasons else "succeeded"
        ended = {"mlpipe_state": state, "mlpipe_judgement": answer.dump()}
        metadata.update_run(self.recorder.store, run_id, ended)
        return Ended(3 if answer.reasons else 0, "verdict against it")

    def train(self, span: int, run_id: str, overrides: Sequence[str]) -> Ended:
        self.runs.append(" ".join(["train", str(span), *overrides]))
        state = "succeeded" if self.accuracy >= 0.95 else "gate_failed"
        rows = 344 + len(self.runs)
        self.recorder.run(run_id, rows=rows, accuracy=self.accuracy, state=state)
        return Ended(0 if state == "succeeded" else 3, "model gate: no")


@pytest.fixture
def worker(recorder: Recorder) -> Worker:
    return Worker(recorder)


def handle(worker: Worker, number: int, **settings: Any) -> str:
    home, store = worker.recorder.home, worker.recorder.store
    return Step(config(**settings), home, store, worker, print).handle(Span(number, None))


def test_a_good_span_leaves_the_model_as_it_is(worker: Worker) -> None:
    worker.found = [GOOD]
    line = handle(worker, 2)
    assert line == (
        "span 2: 100 examples, accuracy 0.95 (was 0.97), nothing drifted: version 2 stays: nothing drifted"
    )
    assert worker.runs == ["evaluate 2"]
    (decision,) = decisions.all_of(worker.recorder.store, NAME).values()
    assert (decision.state, decision.choice, decision.line) == ("done", "keep", line)
    assert loop.history(worker.recorder.store, NAME) == [f"{decision.ended} {line}"]


def test_a_drifted_span_is_trained_on_without_the_gate_that_would_refuse_it(worker: Worker) -> None:
    worker.found = [DRIFTED]
    line = handle(worker, 3)
    assert worker.runs == ["evaluate 3", "train 3 schema.drift={}"]
    assert line.endswith(
        "island drifted: trained anew (island drifted): pushed version 3: accuracy 0.99 (version 2 on the same"
        " examples 0.96)"
    )


def test_a_model_that_is_not_good_enough_is_not_pushed(worker: Worker) -> None:
    worker.found, worker.accuracy = [GOOD], 0.5
    line = handle(worker, 3, retrain="always")
    assert worker.runs == ["evaluate 3", "train 3"]
    assert line.endswith("trained anew (retrain: always): not pushed: a gate did not let it pass")


@pytest.mark.parametrize("bad", [BROKEN, Ended(2, "span-4.csv:7: column sex: 'x' is not a number")])
def test_bad_data_are_left_out(worker: Worker, bad: Judgement | Ended) -> None:
    worker.found = [bad]
    line = handle(worker, 4, retrain="always")
    assert line == f"span 4: skipped: {bad.line if isinstance(bad, Ended) else bad.broken[0]}"
    assert worker.runs == ["evaluate 4"]


@pytest.mark.parametrize(
    ("bad", "error"), [(BROKEN, GateFailed), (Ended(2, "span-4.csv:7: 'x' is not a number"), BadInput)]
)
def test_bad_data_end_the_loop_and_are_looked_at_again(worker: Worker, bad: Any, error: type) -> None:
    worker.found = [bad, GOOD]
    with pytest.raises(error, match=r"span 4: .*; mend it, or move it away"):
        handle(worker, 4, on_bad_data="stop")
    assert handle(worker, 4, on_bad_data="stop").endswith("stays: nothing drifted")
    assert worker.runs == ["evaluate 4", "evaluate 4"]


def test_what_fails_for_other_reasons_is_tried_again_and_given_up(worker: Worker) -> None:
    full = Ended(1, "No space left on device")
    worker.found = [full, full]
    with pytest.raises(TryAgain, match="span 5: not evaluated: No space left on device; it is tried again"):
        handle(worker, 5, tries=2)
    line = handle(worker, 5, tries=2)
    assert line == "span 5: given up after 2 tries: not evaluated: No space left on device"
    assert decisions.all_of(worker.recorder.store, NAME)["5"].state == "done"


def test_killed_in_an_evaluation_it_is_made_again(worker: Worker) -> None:
    worker.found = [Killed, GOOD]
    with pytest.raises(Killed):
        handle(worker, 2)
    assert handle(worker, 2).startswith("span 2: 100 examples")
    assert worker.runs == ["evaluate 2", "evaluate 2"]
    states = [
        metadata.properties(run)["mlpipe_state"]
        for run in metadata.run_contexts(worker.recorder.store, companions.evaluations_of(NAME))
    ]
    assert states == ["interrupted", "succeeded"]


def test_killed_after_the_evaluation_its_result_counts(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.found = [DRIFTED]

    def killed(*_: Any) -> Ended:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(worker, "train", killed)
        with pytest.raises(Killed):
            handle(worker, 3)
    assert decisions.all_of(worker.recorder.store, NAME)["3"].choice == "retrain"
    assert "pushed version 3" in handle(worker, 3)
    assert worker.runs == ["evaluate 3", "train 3 schema.drift={}"]


def test_killed_after_the_training_it_is_not_trained_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.found = [DRIFTED]
    train = worker.train

    def killed(*asked: Any) -> Ended:
        train(*asked)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(worker, "train", killed)
        with pytest.raises(Killed):
            handle(worker, 3)
    assert "pushed version 3" in handle(worker, 3)
    assert worker.runs == ["evaluate 3", "train 3 schema.drift={}"]


def test_a_span_that_comes_late_does_not_take_the_model_back(worker: Worker) -> None:
    worker.found = [GOOD, DRIFTED]
    handle(worker, 7)
    handle(worker, 6)
    assert worker.runs[-1] == "train 7 schema.drift={}"


def test_without_a_model_the_first_span_is_trained_on(tmp_path: Path) -> None:
    worker = Worker(Recorder(Home(tmp_path / "home")))
    assert handle(worker, 1).startswith("span 1: trained anew (no model was pushed yet): pushed version 1")
    assert worker.runs == ["train 1 schema.drift={}"]


def test_a_file_that_is_written_while_it_is_read_is_read_again(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("span-3.csv")
    path.write_text("half")
    os.utime(path, (1e9, 1e9))
    evaluate = Worker.evaluate

    def read_and_written(self: Worker, span: int, run_id: str) -> Ended:
        path.touch()
        return evaluate(self, span, run_id)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "evaluate", read_and_written)
        worker.found = [Ended(2, "span-3.csv:7: a field is missing")]
        with pytest.raises(
            StillWrittenError, match="span 3: was written to while it was read; it is read again"
        ):
            handle(worker, 3, retrain="never")
    (decision,) = decisions.all_of(worker.recorder.store, NAME).values()
    assert (decision.state, decision.evaluation, decision.tries) == ("begun", "", 0)
    worker.found = [GOOD]
    assert handle(worker, 3, retrain="never").endswith("version 2 stays: retrain: never")


def test_another_run_that_is_waited_for_is_named(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    worker.found = [DRIFTED]
    with lock.lock(worker.recorder.home, NAME, "20261123-120000"):
        handle(worker, 3)
    assert capsys.readouterr().out == (
        f"span 3: waits for run 20261123-120000 of penguin (process {os.getpid()})\n"
    )
