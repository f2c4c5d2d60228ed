"""Nodes of a run in processes of their own: what is refused, what is recorded, and what happens side by side."""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from pipeline import metadata, runs
from tests.end_to_end.project import Project, Result, mlpipe
from tests.end_to_end.test_killed import trains_now

pytestmark = pytest.mark.slow
PATIENCE = 300
# Killed after the component is done, before its gate is applied.
KILLED_BEFORE_THE_GATE = """
import os, signal
from pipeline import gates
gates.check = lambda node_id, outputs: node_id == "ExampleValidator" and os.kill(os.getpid(), signal.SIGKILL)
from pipeline.cli import main
main()
"""


def node(project: Project, name: str, run_id: str = "r1", *more: str) -> Result:
    home = str(project.home.root)
    return mlpipe("node", "run", "toy.yaml", name, "--run-id", run_id, *more, "--home", home)


def command(name: str, run_id: str = "r1") -> tuple[str, ...]:
    return ("node", "run", "toy.yaml", name, "--run-id", run_id)


def run_of(project: Project, run_id: str = "r1") -> runs.Run:
    return runs.get_run(metadata.open_store(project.home), "toy", run_id)


def use_schema_of_first_run(project: Project) -> None:
    schema = Path(project.artifact("SchemaGen", "schema").uri, "schema.pbtxt")
    shutil.copy(schema, project.folder / "curated.pbtxt")
    project.change("trainer:", "schema: {curated: curated.pbtxt}\ntrainer:")


def test_a_node_comes_after_those_before_it(fresh: Project) -> None:
    result = node(fresh, "Transform")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "mlpipe: Transform comes after ExampleGen, which has not run in run r1: first mlpipe node run toy.yaml"
        " ExampleGen --run-id r1\n"
    )
    assert fresh.runs() == []

    assert node(fresh, "ExampleGen").code == 0
    result = node(fresh, "Transform")
    assert result.code == 2
    assert "Transform comes after StatisticsGen, which has not run in run r1" in result.err
    assert node(fresh, "Transfrom").err == "mlpipe: no component 'Transfrom'; did you mean Transform?\n"
    assert fresh.runs() == ["running"]
    shown = mlpipe("status", "toy", "--home", str(fresh.home.root))
    assert shown.out.startswith("toy: run r1 running started ")
    assert re.search(r"ExampleGen +complete", shown.out)


@pytest.mark.parametrize(
    ("run_id", "line"),
    [
        ("a/b", "write up to 200 letters"),
        ("", "write up to 200 letters"),
        ("last", "other commands read this as the choice of a run"),
        ("v12", "other commands read this as the choice of a run"),
    ],
)
def test_run_ids(fresh: Project, run_id: str, line: str) -> None:
    result = node(fresh, "ExampleGen", run_id)
    assert result.code == 2
    assert line in result.err


def test_a_run_id_is_one_pipeline_s(fresh: Project) -> None:
    assert node(fresh, "ExampleGen").code == 0
    text = (fresh.folder / "toy.yaml").read_text().replace("name: toy", "name: toy_2")
    (fresh.folder / "toy_2.yaml").write_text(text)
    home = str(fresh.home.root)
    result = mlpipe("node", "run", "toy_2.yaml", "ExampleGen", "--run-id", "r1", "--home", home)
    assert (result.code, result.err) == (
        2,
        "mlpipe: run r1 is one of toy, not of toy_2: give another run id, such as toy_2-r1\n",
    )


def test_a_run_keeps_what_it_began_with(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPIPE_RUNNER", "airflow")
    assert node(fresh, "ExampleGen", "r1", "--set", "push.keep=5").code == 0
    rows = (fresh.folder / "rows.csv").read_text()
    fresh.change("lower: 0.8", "lower: 1.0")
    (fresh.folder / "rows.csv").unlink()

    result = node(fresh, "StatisticsGen", "r1", "--set", "push.keep=6")
    assert result.code == 2
    assert result.err.startswith("mlpipe: --set push.keep=6: the run has begun with another value;")
    result = node(fresh, "StatisticsGen", "r1", "--set", "push.keep=5")
    assert result.code == 0, result.err
    assert "train 137, valid 16, eval 47" in result.out
    run = run_of(fresh)
    assert run.config["push"]["keep"] == 5
    assert run.config["evaluation"]["gates"][0]["lower"] == 0.8
    context = metadata.run_context(metadata.open_store(fresh.home), "r1")
    assert context is not None
    assert metadata.properties(context)["mlpipe_runner"] == "airflow"

    again = node(fresh, "ExampleGen")
    assert (again.code, again.out) == (0, "ExampleGen is done in run r1 of toy: nothing to run\n")
    assert fresh.counts()["ExampleGen"]["complete"] == 1
    (fresh.folder / "rows.csv").write_text(rows)


def test_a_node_can_be_run_although_its_result_is_cached(finished: Project) -> None:
    assert node(finished, "ExampleGen").code == 0
    assert node(finished, "StatisticsGen", "r1", "--force").code == 0
    states = {name: run_of(finished).node(name).state for name in ("ExampleGen", "StatisticsGen")}
    assert states == {"ExampleGen": "cached", "StatisticsGen": "complete"}
    # What is done in the run is not run again: other nodes may have read it.
    assert "is done in run r1 of toy: nothing to run" in node(finished, "StatisticsGen", "r1", "--force").out


def test_data_that_are_mended_are_read_by_the_next_try(fresh: Project) -> None:
    good = (fresh.folder / "rows.csv").read_text()
    (fresh.folder / "rows.csv").write_text(good + "1,2,red,7,8,9\n")
    assert node(fresh, "ExampleGen").code == 2
    assert run_of(fresh).state == "failed"
    before = run_of(fresh).fingerprint

    (fresh.folder / "rows.csv").write_text(good)
    assert node(fresh, "ExampleGen").code == 0
    run = run_of(fresh)
    assert (run.state, run.reason) == ("running", "")
    assert run.fingerprint not in ("", before)
    assert dict(fresh.counts()["ExampleGen"]) == {"failed": 1, "complete": 1}


def test_a_schema_that_changes_on_the_way_is_told(finished: Project) -> None:
    use_schema_of_first_run(finished)
    assert node(finished, "ExampleGen").code == 0
    assert run_of(finished).fingerprint
    with (finished.folder / "curated.pbtxt").open("a") as file:
        file.write("# other words\n")
    result = node(finished, "SchemaGen")
    assert result.code == 0
    assert "changed since the run began, and used as it is now: schema" in result.out
    # Part of the run saw one, part the other: it is never taken for a run over either.
    assert run_of(finished).fingerprint == ""


def test_another_run_waits_until_this_one_is_over(fresh: Project) -> None:
    assert node(fresh, "ExampleGen").code == 0
    line = "mlpipe: toy is busy: run r1 is between two of its nodes;"
    for result in (node(fresh, "ExampleGen", "r2"), fresh.run()):
        assert result.code == 1
        assert result.err.startswith(line)
    home = str(fresh.home.root)
    ended = mlpipe("node", "end", "toy", "--run-id", "r1", "--home", home)
    assert (ended.code, ended.out) == (0, "run r1 of toy has ended: interrupted\n")
    assert node(fresh, "ExampleGen", "r2").code == 0
    assert fresh.runs() == ["interrupted", "running"]
    assert fresh.states() == {"ExampleGen": "cached"}
    result = mlpipe("node", "end", "toy", "--run-id", "r3", "--home", home)
    assert (result.code, result.err) == (2, "mlpipe: toy has no run 'r3'\n")


def test_nothing_comes_after_a_gate_whoever_asks(finished: Project) -> None:
    use_schema_of_first_run(finished)
    with (finished.folder / "rows.csv").open("a") as file:
        file.write("0.5,0.6,green,1\n" * 30)
    for name in ("ExampleGen", "StatisticsGen", "SchemaGen"):
        assert node(finished, name).code == 0
    child = finished.start_command(*command("ExampleValidator"), script=KILLED_BEFORE_THE_GATE)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert finished.states()["ExampleValidator"] == "complete"

    # It is done, its gate was never applied, and it is not passed for that.
    result = node(finished, "Transform")
    assert result.code == 3
    assert result.err.startswith(
        "mlpipe: Transform does not run, as ExampleValidator did not pass in run r1: data gate: "
    )
    result = node(finished, "ExampleValidator")
    assert result.code == 3
    assert result.err.startswith("mlpipe: data gate: ")
    assert "Transform" not in finished.states()
    assert finished.runs() == ["succeeded", "gate_failed"]


def test_two_nodes_side_by_side_and_sigterm(finished: Project) -> None:
    use_schema_of_first_run(finished)
    finished.change("epochs: 20", "epochs: 5000, early_stopping: {patience: 0}")
    assert node(finished, "ExampleGen").code == 0
    both = [finished.start_command(*command(name)) for name in ("StatisticsGen", "SchemaGen")]
    for child in both:
        out, err = child.communicate(timeout=PATIENCE)
        assert (child.returncode, err) == (0, ""), out
    assert finished.states() == {
        **dict.fromkeys(("ExampleGen", "StatisticsGen"), "cached"),
        "SchemaGen": "complete",
    }
    for name in ("ExampleValidator", "Transform"):
        assert node(finished, name).code == 0

    child = finished.start_command(*command("Trainer"))
    deadline = time.monotonic() + PATIENCE
    while not trains_now(finished):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # Nobody else has this node, or another run, as long as it lives.
    result = node(finished, "Trainer")
    assert result.code == 1
    assert f"toy is busy: process {child.pid} works on Trainer of run r1;" in result.err
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (143, "mlpipe: ended by SIGTERM\n")
    assert finished.states()["Trainer"] == "failed"
    run = run_of(finished)
    assert (run.state, run.reason) == ("interrupted", "by SIGTERM")
