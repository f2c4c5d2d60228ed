from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import metadata, pushes, runs
from pipeline.home import Home
from tests.pipeline.records import Recorder

PIPELINE = "penguin"


def states(run: runs.Run) -> dict[str, str]:
    return {node.id: node.state for node in run.nodes}


def test_runs_come_oldest_first_with_what_they_recorded(past: Recorder) -> None:
    listed = runs.list_runs(past.store, PIPELINE)
    assert [run.state for run in listed] == [
        "succeeded",
        "succeeded",
        "succeeded",
        "gate_failed",
        "failed",
        "running",
    ]
    first = listed[0]
    assert first.id == "20261123-010000"
    assert first.config["trainer"]["training"] == {"learning_rate": 0.01}
    assert first.code["trainer_modules.tabular"] == "c0de"
    assert first.versions["tfx"] == "1.21.0"
    assert first.seconds == 30
    assert listed[-1].seconds is None
    assert [run.id for run in runs.list_runs(past.store, PIPELINE, limit=2)] == [
        run.id for run in listed[-2:]
    ]


def test_node_states(past: Recorder) -> None:
    first, second, third, _, failed, killed = runs.list_runs(past.store, PIPELINE)
    assert set(states(first).values()) == {"complete"}
    assert list(states(first)) == [
        "ExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Transform",
        "Trainer",
        "latest_blessed_model",
        "Evaluator",
        "ServingCheck",
        "Pusher",
    ]
    resolver = {"latest_blessed_model": "complete"}
    assert states(second) == {**dict.fromkeys(states(first), "cached"), **resolver}
    rerun = dict.fromkeys(("Trainer", "Evaluator", "ServingCheck", "Pusher"), "complete")
    assert states(third) == {**states(second), **rerun}
    assert (failed.node("Trainer").state, failed.node("Evaluator").state) == ("failed", "not reached")
    assert (killed.node("Transform").state, killed.node("Trainer").state) == ("running", "not reached")
    assert "latest_blessed_model" not in states(killed)
    assert killed.node("Tuner").state == "not reached"
    assert first.node("Trainer").exec_properties["run_fn"] == "trainer_modules.tabular.run_fn"


def test_the_latest_execution_of_a_node_counts(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1", stop="Trainer", state="failed", last="FAILED")
    run = metadata.run_context(recorder.store, "r1")
    node = metadata.node_contexts(recorder.store, PIPELINE)["Trainer"]
    again = metadata.executions_of(recorder.store, run)[-1]
    again.ClearField("id")
    again.name = "again"
    again.last_known_state = 3
    recorder.store.put_execution(again, [], [run, node])
    assert runs.get_run(recorder.store, PIPELINE, "r1").node("Trainer").state == "complete"


def test_many_runs_read_like_few(past: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    few = runs.list_runs(past.store, PIPELINE)
    monkeypatch.setattr(runs, "_MANY", 0)
    many = runs.list_runs(past.store, PIPELINE)
    assert [states(run) for run in many] == [states(run) for run in few]


@pytest.mark.parametrize(
    ("selector", "run_id"),
    [
        ("20261123-030000", "20261123-030000"),
        ("20261123-03", "20261123-030000"),
        ("last", "20261124-060000"),
        ("last~2", "20261123-040000"),
        ("v1", "20261123-010000"),
        ("v2", "20261123-030000"),
    ],
)
def test_selectors(past: Recorder, selector: str, run_id: str) -> None:
    assert runs.get_run(past.store, PIPELINE, selector).id == run_id


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("20261123-999999", "no run '20261123-999999'; did you mean 20261123-0"),
        ("20261123", "4 runs of penguin start with '20261123': 20261123-010000, .*; give more of the id"),
        ("last~6", "penguin has only 6 runs"),
        ("last~x", r"write last, or last~N with a whole number N"),
        ("v9", "penguin has pushed no version 9; pushed: 1 to 2"),
    ],
)
def test_a_wrong_selector_is_told_what_there_is(past: Recorder, selector: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        runs.get_run(past.store, PIPELINE, selector)


def test_an_unknown_pipeline_is_told_the_nearest(recorder: Recorder) -> None:
    with pytest.raises(BadInput, match="pipeline 'pengiun' has not run; did you mean penguin"):
        runs.list_runs(recorder.store, "pengiun")
    assert runs.find_pipeline(recorder.store, None) == PIPELINE
    Recorder(recorder.home, "taxi").run("t1", stop="ExampleGen")
    with pytest.raises(BadInput, match="which pipeline\\? give --pipeline penguin or taxi"):
        runs.find_pipeline(recorder.store, None)


def test_pushed_models(past: Recorder) -> None:
    pushed = pushes.pushed_models(past.store, PIPELINE)
    assert list(pushed) == [1, 2]
    assert pushed[2].type == "PushedModel"
    assert pushes.destination(pushed[2]) == str(past.home.serving(PIPELINE) / "2")


def test_a_version_that_is_pushed_anew_is_the_new_model(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1")
    recorder.unserve(1)
    recorder.version = 0
    recorder.run("r2", trainer={"learning_rate": 0.5})
    assert runs.get_run(recorder.store, PIPELINE, "v1").id == "r2"


def test_the_run_that_pushed_first_pushed_the_version(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("r1")
    # A Pusher that runs again and finds the model served records the same version once more.
    recorder.run("r2", stop="ExampleGen")
    pusher = metadata.node_contexts(recorder.store, PIPELINE)["Pusher"]
    [execution] = metadata.executions_of(recorder.store, pusher)
    [first] = pushes.pushed_models(recorder.store, PIPELINE).values()
    events = metadata.events_of_executions(recorder.store, [execution.id])
    [model] = [e.artifact_id for e in events if metadata.keys(e) == ["model"]]
    repeat_push(recorder, "r2", model)
    assert pushes.pushed_models(recorder.store, PIPELINE)[1].id == first.id
    assert runs.get_run(recorder.store, PIPELINE, "v1").id == "r1"


def repeat_push(recorder: Recorder, run_id: str, model: int) -> None:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    store = recorder.store
    [old] = pushes.pushed_models(store, PIPELINE).values()
    again = mlmd.Artifact(type_id=old.type_id, uri=f"{old.uri}9", custom_properties=old.custom_properties)
    contexts = [metadata.pipeline_context(store, PIPELINE), metadata.run_context(store, run_id)]
    contexts.append(metadata.node_contexts(store, PIPELINE)["Pusher"])
    read, made = mlmd.Event(type=mlmd.Event.INPUT), mlmd.Event(type=mlmd.Event.OUTPUT)
    read.path.steps.add(key="model")
    made.path.steps.add(key="pushed_model")
    execution = metadata.executions_of(store, contexts[2])[0]
    execution.ClearField("id")
    execution.name = "again"
    [artifact] = metadata.artifacts(store, [model])
    store.put_execution(execution, [(artifact, read), (again, made)], contexts)


def test_numbers_in_short() -> None:
    assert pushes.spans([1, 3, 4, 5, 9]) == "1, 3 to 5, 9"
    assert pushes.spans([]) == ""


def test_a_run_of_another_runner_has_the_state_of_its_nodes(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    for run_id, stop, last in (("r1", "", "COMPLETE"), ("r2", "Trainer", "FAILED")):
        recorder.run(run_id, stop=stop, last=last, trainer={"seed": len(run_id + stop)})
        context = metadata.run_context(recorder.store, run_id)
        for key in list(context.custom_properties):
            del context.custom_properties[key]
        recorder.store.put_contexts([context])
    first, second = runs.list_runs(recorder.store, PIPELINE)
    assert (first.state, second.state) == ("succeeded", "failed")
    assert (first.config, first.fingerprint) == ({}, "")


@pytest.mark.parametrize(
    "command",
    [
        ["runs", PIPELINE],
        ["status", PIPELINE],
        ["lineage", PIPELINE],
        ["lineage", "examples", "--downstream"],
        ["compare", "last~3", "last~2"],
        ["gc"],
    ],
)
def test_commands_print_plain_text_in_a_pipe_without_tensorflow(
    recorder: Recorder, command: list[str]
) -> None:
    code = (
        "import sys\nfrom pipeline.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'apache_beam', 'tfx', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    arguments = [sys.executable, "-c", code, *command, "--home", str(recorder.home.root)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
    assert "\x1b" not in ended.stdout
    assert all(line == line.rstrip() for line in ended.stdout.splitlines())


def test_the_table_of_runs(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline import cli

    cli.runs(PIPELINE, limit=20, home=recorder.home.root)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[1].split() == [
        "20261123-010000",
        "succeeded",
        "2026-11-23",
        "01:35:12",
        "30.0",
        "s",
        "10",
        "ran",
        "v1",
    ]
    assert lines[4].split()[:3] == ["20261123-040000", "gate", "failed"]
    assert lines[6].endswith("the process ended during Transform")


def test_the_status_of_a_run(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline import cli

    recorder.unserve(1)
    cli.status(PIPELINE, selector="last", home=recorder.home.root)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("penguin: run 20261124-060000 interrupted started 2026-11-23 01:35:12 UTC")
    assert lines[1] == "reason: the process ended during Transform"
    assert [line.split()[:2] for line in lines[3:5]] == [
        ["ExampleGen", "complete"],
        ["StatisticsGen", "complete"],
    ]
    assert f"served: version 2 below {recorder.home.serving(PIPELINE)}" in lines
