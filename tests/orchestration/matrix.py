"""What holds whatever runs a pipeline: each runner is given to each of these cases, which ask for the same records.

A runner takes a project, a run id, and the node that is killed in its first try, if there is one. It runs the pipeline
to its end, with a second try of what was killed, and returns how its last command ended.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pipeline import metadata, runs
from tests.end_to_end.project import COMPONENTS, Project, Result

NODES = (*COMPONENTS[:6], "latest_blessed_model", *COMPONENTS[6:])
# A trainer module whose first process to come to Transform is killed there.
KILLED_ONCE = """
import os
import signal
from pathlib import Path

from trainer_modules import tabular
from trainer_modules.tabular import run_fn


def preprocessing_fn(inputs, custom_config):
    flag = Path({flag!r})
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return tabular.preprocessing_fn(inputs, custom_config)
"""


class Runner(Protocol):
    """How a pipeline is run; `runner` is what its runs are marked with."""

    runner: str

    def __call__(self, project: Project, run_id: str, killed: str | None = None) -> Result: ...


def last_run(project: Project) -> runs.Run:
    found = runs.last_run(metadata.open_store(project.home), "toy")
    assert found is not None
    return found


def node_states(project: Project) -> dict[str, str]:
    """Of the last run, without what it did not reach."""
    return {node.id: node.state for node in last_run(project).nodes if node.state != "not reached"}


def check_recorded(project: Project, runner: Runner) -> None:
    """What every run says of itself, however it ended."""
    run = last_run(project)
    context = metadata.run_context(metadata.open_store(project.home), run.id)
    assert context is not None
    found = metadata.properties(context)
    assert found["mlpipe_runner"] == runner.runner
    assert run.config["name"] == "toy"
    assert run.started <= run.ended
    assert set(run.code) == {"pipeline.dag", run.config["trainer"]["module"], "serving.server"}
    assert run.versions["tfx"]
    assert project.home.log("toy", run.id).is_file()


def succeeds_then_is_cached(project: Project, runner: Runner) -> Iterator[str]:
    """A first run makes everything; the second changes only how it is pushed."""
    result = runner(project, "first")
    assert result.code == 0, result.err
    assert node_states(project) == dict.fromkeys(NODES, "complete")
    run = last_run(project)
    assert (run.state, run.reason) == ("succeeded", "")
    assert len(run.fingerprint) == 64
    check_recorded(project, runner)
    assert project.served() == ["1"]
    yield "succeeded"

    # What it recorded is what `mlpipe run` looks for.
    assert project.run().out == (
        f"toy is up to date: run {run.id} used the same data, code and configuration\n"
    )
    assert project.runs() == ["succeeded"]
    yield "found up to date"

    project.change("trainer:", "push: {keep: 4}\ntrainer:")
    result = runner(project, "second")
    assert result.code == 0, result.err
    made = {"latest_blessed_model": "complete", "Pusher": "complete"}
    assert node_states(project) == {**dict.fromkeys(NODES, "cached"), **made}
    assert project.runs() == ["succeeded", "succeeded"]
    assert {counts["complete"] for name, counts in project.counts().items() if name != "Pusher"} == {1}
    check_recorded(project, runner)
    # The same model is served already.
    assert project.served() == ["1"]
    yield "cached"


def ends_at_the_gate(project: Project, runner: Runner) -> None:
    """Of a finished project: data out of their domain end the run before Transform, at every try."""
    served = project.served()
    schema = Path(project.artifact("SchemaGen", "schema").uri, "schema.pbtxt")
    shutil.copy(schema, project.folder / "curated.pbtxt")
    project.change("trainer:", "schema: {curated: curated.pbtxt}\ntrainer:")
    with (project.folder / "rows.csv").open("a") as file:
        file.write("0.5,0.6,green,1\n" * 30)
    for run_id in ("bad", "bad_again"):
        result = runner(project, run_id)
        assert result.code == 3, result.err
        assert result.err.startswith("mlpipe: data gate: ")
        assert "color: Unexpected string values" in result.err
        run = last_run(project)
        assert run.state == "gate_failed"
        assert f"mlpipe: {run.reason}\n" == result.err
        how = "complete" if run_id == "bad" else "cached"
        assert node_states(project) == dict.fromkeys(
            ("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"), how
        )
        check_recorded(project, runner)
    assert project.served() == served


def survives_a_kill(project: Project, runner: Runner) -> None:
    """Of a new project: Transform is killed with SIGKILL, what came before is not run again, and all ends well."""
    text = KILLED_ONCE.format(flag=str(project.folder / "killed"))
    (project.folder / "killed_once.py").write_text(text)
    (project.folder / "killed_once_config.py").write_text(
        "from trainer_modules.tabular_config import Config as Config\n"
    )
    project.change("trainer_modules.tabular", "killed_once")
    result = runner(project, "killed", killed="Transform")
    assert result.code == 0, result.err
    assert (project.folder / "killed").exists()
    run = last_run(project)
    assert (run.state, run.reason) == ("succeeded", "")
    counts = project.counts()
    assert {name: count["complete"] for name, count in counts.items()} == dict.fromkeys(COMPONENTS, 1)
    assert {name: count["failed"] for name, count in counts.items() if count["failed"]} == {"Transform": 1}
    assert "running" not in {state for count in counts.values() for state in count}
    assert project.served() == ["1"]
