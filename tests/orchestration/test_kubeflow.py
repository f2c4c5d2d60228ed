"""The spec for Kubeflow, run container command by container command: it leaves the records that `mlpipe run` leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline import config, gates, metadata, node_list, runs
from pipeline.home import Home
from pipeline.orchestration import kubeflow
from pipeline.orchestration.kubeflow_settings import Kubeflow
from tests.end_to_end.project import Project, Result, mlpipe
from tests.orchestration import kfp_backend, matrix

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MLPIPE = [sys.executable, "-m", "pipeline.cli"]
SECTION = {"image": "mlpipe:test", "volume": "state", "params": ["data.path"], "retries": 1}
BAD, GOOD = "6b0d7f1e-bad", "6b0d7f1e-good"
KILLED = "StatisticsGen"


def spec(pipeline: str, **section: Any) -> str:
    given = config.load(pipeline)
    settings = Kubeflow.model_validate({**SECTION, **section})
    return kubeflow.render(pipeline, given.model_copy(update={"kubeflow": settings}))


@dataclass
class Cluster:
    """Runs containers as processes, with a folder of this machine in the place of the volume."""

    folder: Path
    kill: str | None = None
    printed: dict[tuple[str, str, int], str] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.folder / "volume")

    def run(self, text: str, run_id: str, **given: str) -> kfp_backend.Outcome:
        def launch(container: kfp_backend.Try) -> int:
            process = self._start(container.command, container.env)
            if container.task == self.kill and container.number == 0:
                self._kill_at_work(process, container.task)
            out, _ = process.communicate()
            self.printed[run_id, container.task, container.number] = out
            return process.returncode

        return kfp_backend.run(text, run_id, launch, **given)

    def _start(self, command: Any, env: Any) -> subprocess.Popen[str]:
        name, *words = command
        assert name == "mlpipe"
        arguments = [str(self.home.root) if word == "/state" else word for word in words]
        return subprocess.Popen(
            [*MLPIPE, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _kill_at_work(self, process: subprocess.Popen[str], node: str) -> None:
        """SIGKILL as soon as the node has a folder for what it makes."""
        made = self.home.pipeline_root("penguin") / node
        deadline = time.monotonic() + 120
        while not list(made.glob("*/*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)


@dataclass(frozen=True)
class Done:
    """A run on a bad CSV, one in which a container is killed, and `mlpipe run` beside them in a home of its own."""

    cluster: Cluster
    local: Home
    bad: kfp_backend.Outcome
    pushed_after_bad: bool
    good: kfp_backend.Outcome

    def run(self, run_id: str) -> runs.Run:
        return runs.get_run(metadata.open_store(self.cluster.home), "penguin", run_id)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("kubeflow")
    local = Home(folder / "local")
    rows = (ROOT / "data/penguins/penguins.csv").read_text().splitlines()
    rows[2] = rows[2].replace(rows[2].split(",")[2], "long")
    (folder / "bad.csv").write_text("\n".join(rows) + "\n")
    beside = subprocess.Popen(
        [*MLPIPE, "run", "penguin", "--home", str(local.root)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        cluster = Cluster(folder)
        bad = cluster.run(spec("penguin", retries=0), BAD, data_path="bad.csv")
        pushed_after_bad = cluster.home.serving("penguin").exists()
        cluster.kill = KILLED
        good = cluster.run(spec("penguin"), GOOD)
        assert beside.wait(timeout=300) == 0
        yield Done(cluster, local, bad, pushed_after_bad, good)
    finally:
        beside.kill()
        beside.wait()


def test_bad_data_end_the_run_at_their_node_and_nothing_is_pushed(done: Done) -> None:
    assert not done.bad.succeeded
    assert done.bad.codes == {"ExampleGen": [2], "end": [0]}
    said = done.cluster.printed[BAD, "ExampleGen", 0].splitlines()[-1]
    assert f"{done.cluster.folder / 'bad.csv'}:3: column bill_length_mm" in said
    assert "'long' is not a number" in said
    assert not done.pushed_after_bad
    run = done.run(BAD)
    assert run.state == "failed"
    assert said == f"mlpipe: {run.reason}"


def test_a_killed_container_is_tried_again_and_the_model_is_pushed(done: Done) -> None:
    nodes = [node.id for node in node_list.node_list(config.load("penguin"))]
    assert done.good.succeeded
    assert done.good.codes == {
        **{node: [0] for node in nodes},
        KILLED: [-signal.SIGKILL, 0],
        "end": [0],
    }
    assert sorted(os.listdir(done.cluster.home.serving("penguin"))) == ["1"]
    assert done.cluster.printed[GOOD, "end", 0] == f"run {GOOD} of penguin has ended: succeeded\n"


def test_the_records_are_those_of_mlpipe_run(done: Done) -> None:
    ours, local = done.run(GOOD), runs.last_run(metadata.open_store(done.local), "penguin")
    assert local is not None
    assert (ours.state, ours.reason) == (local.state, local.reason) == ("succeeded", "")
    assert ours.config["name"] == "penguin"
    assert {node.id: node.state for node in ours.nodes} == {node.id: node.state for node in local.nodes}
    assert ours.code == local.code
    assert ours.versions == local.versions
    context = metadata.run_context(metadata.open_store(done.cluster.home), GOOD)
    assert context is not None
    assert metadata.properties(context)["mlpipe_runner"] == "kubeflow"
    assert verdict(done.cluster.home) == verdict(done.local)


def verdict(home: Home) -> Any:
    """Of the only Evaluator's execution: the same data, code and seed make the same model."""
    (folder,) = (home.pipeline_root("penguin") / "Evaluator" / "evaluation").iterdir()
    return gates.verdict(type("Artifact", (), {"uri": str(folder)}))  # type: ignore[arg-type]


class Spec:
    """The spec of the toy, its commands one after the other in this process."""

    runner = "kubeflow"

    def __call__(self, project: Project, run_id: str, killed: str | None = None) -> Result:
        ended: list[Result] = []

        def launch(container: kfp_backend.Try) -> int:
            _, *words = container.command
            arguments = [str(project.home.root) if word == "/state" else word for word in words]
            with pytest.MonkeyPatch.context() as patch:
                for name, value in container.env.items():
                    patch.setenv(name, value)
                result = mlpipe(*arguments)
            if container.task != "end":
                ended.append(result)
            return result.code

        outcome = kfp_backend.run(spec("toy.yaml", params=[]), run_id, launch, side_by_side=1)
        assert outcome.succeeded == (ended[-1].code == 0)
        return ended[-1]


def test_success_then_cached(fresh: Project) -> None:
    assert list(matrix.succeeds_then_is_cached(fresh, Spec())) == ["succeeded", "found up to date", "cached"]


def test_gate(finished: Project) -> None:
    matrix.ends_at_the_gate(finished, Spec())
