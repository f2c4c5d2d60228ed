from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import lock, metadata, reconcile, runs
from pipeline.home import Home
from tests.pipeline.records import Recorder
from tests.pipeline.test_lock import HOLD_NODE, hold

PIPELINE = "penguin"


def test_a_dead_run_is_recorded_as_interrupted(recorder: Recorder) -> None:
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["20261124-060000"]
    run = runs.get_run(recorder.store, PIPELINE, "last")
    assert (run.state, run.reason) == ("interrupted", "the process ended during Transform")
    assert run.ended > run.started
    transform = run.node("Transform")
    assert (transform.state, transform.seconds) == ("failed", None)
    assert runs.INTERRUPTED in transform.exec_properties
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == []


def test_a_live_run_is_left_alone(recorder: Recorder) -> None:
    with hold(recorder.home) as other:
        assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == []
        assert runs.get_run(recorder.store, PIPELINE, "last").state == "running"
        other.communicate("")
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["20261124-060000"]


def test_a_run_that_holds_the_lock_reconciles_all_but_itself(recorder: Recorder) -> None:
    with lock.lock(recorder.home, PIPELINE, "r9"):
        recorder.run("r9", stop="ExampleGen", state="running", last="RUNNING")
        assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["20261124-060000"]
        assert runs.get_run(recorder.store, PIPELINE, "r9").state == "running"


def test_an_execution_that_an_ended_run_left_running_is_ended(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1", stop="ExampleGen", state="failed", last="RUNNING")
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["r1"]
    run = runs.get_run(recorder.store, PIPELINE, "r1")
    assert (run.state, run.reason) == ("failed", "ExampleGen stopped")
    assert run.node("ExampleGen").state == "failed"


@pytest.fixture
def between(tmp_path: Path) -> Recorder:
    """A run that goes node by node, r7, after Transform."""
    recorder = Recorder(Home(tmp_path))
    recorder.run("r7", stop="Transform", state="running", last="COMPLETE")
    metadata.update_run(recorder.store, "r7", {"mlpipe_unit": "node", "mlpipe_reason": ""})
    return recorder


def state(recorder: Recorder, run_id: str = "r7") -> tuple[str, str]:
    run = runs.get_run(recorder.store, PIPELINE, run_id)
    return run.state, run.reason


def test_a_run_between_two_nodes_goes_on(between: Recorder) -> None:
    assert reconcile.reconcile(between.store, between.home, PIPELINE) == []
    with lock.lock(between.home, PIPELINE, "r8"):
        assert reconcile.reconcile(between.store, between.home, PIPELINE) == []
    assert state(between) == ("running", "")


def test_but_not_for_ever(between: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "IDLE_HOURS", 0)
    assert reconcile.reconcile(between.store, between.home, PIPELINE) == ["r7"]
    assert state(between) == ("interrupted", "no node ran for 0 hours")


def test_another_run_does_not_begin_meanwhile(between: Recorder) -> None:
    reconcile.check_alone(between.store, between.home, PIPELINE, "r7")
    line = "penguin is busy: run r7 is between two of its nodes; .* mlpipe node end penguin --run-id r7"
    with pytest.raises(lock.Busy, match=line):
        reconcile.check_alone(between.store, between.home, PIPELINE, "r8")
    metadata.update_run(between.store, "r7", {"mlpipe_state": "failed"})
    reconcile.check_alone(between.store, between.home, PIPELINE, "r8")


def test_a_node_whose_process_is_gone_interrupts_its_run(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r7", stop="Trainer", state="running", last="RUNNING")
    metadata.update_run(recorder.store, "r7", {"mlpipe_unit": "node"})
    with hold(recorder.home, HOLD_NODE) as other:
        assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == []
        other.communicate("")
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["r7"]
    assert state(recorder) == ("interrupted", "the process ended during Trainer")


def test_a_run_whose_process_ended_before_its_first_node(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    started = {"mlpipe_state": "running", "mlpipe_started": "2026-11-23T01:35:12+00:00"}
    metadata.register_run(recorder.store, PIPELINE, "r7", started)
    assert reconcile.reconcile(recorder.store, recorder.home, PIPELINE) == ["r7"]
    assert state(recorder) == ("interrupted", "the process ended during start-up")


def test_close_leaves_what_another_process_runs(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r7", stop="Trainer", state="running", last="RUNNING")
    with hold(recorder.home, HOLD_NODE) as other:
        reconcile.close(recorder.store, recorder.home, PIPELINE, "r7", "Evaluator")
        assert runs.get_run(recorder.store, PIPELINE, "r7").node("Trainer").state == "running"
        other.communicate("")
    reconcile.close(recorder.store, recorder.home, PIPELINE, "r7", "Evaluator")
    assert runs.get_run(recorder.store, PIPELINE, "r7").node("Trainer").state == "failed"
