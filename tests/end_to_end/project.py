"""A small project in a folder of its own: data, a pipeline, a home, and the `mlpipe` command over them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline import cli, gates, metadata
from pipeline.home import Home
from tests import model_servers

REPOSITORY = Path(__file__).parents[2]
TOY = """\
name: toy
task: binary
label: label
data: {path: rows.csv}
trainer:
  module: trainer_modules.tabular
  training: {learning_rate: 0.1, epochs: 20}
evaluation:
  gates: [{metric: accuracy, lower: 0.8, max_drop: 0.1}]
  slices: [color]
"""
STATES = {
    pb.Execution.COMPLETE: "complete",
    pb.Execution.CACHED: "cached",
    pb.Execution.FAILED: "failed",
    pb.Execution.RUNNING: "running",
}
COMPONENTS = (
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Evaluator",
    "ServingCheck",
    "Pusher",
)


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A folder with rows.csv, toy.yaml and its home."""

    folder: Path

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    def run(self, *arguments: str) -> Result:
        """`mlpipe run toy.yaml ...` in this process."""
        return mlpipe("run", "toy.yaml", *arguments, "--home", str(self.home.root))

    def start(
        self, *arguments: str, script: str = "from pipeline.cli import main; main()"
    ) -> subprocess.Popen[str]:
        """The same in a process of its own; `script` is what Python runs."""
        return self.start_command("run", "toy.yaml", *arguments, script=script)

    def start_command(
        self, *arguments: str, script: str = "from pipeline.cli import main; main()"
    ) -> subprocess.Popen[str]:
        """Any command on the project's home, in a process of its own."""
        command = [sys.executable, "-c", script, *arguments, "--home", str(self.home.root)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def states(self, back: int = 0) -> dict[str, str]:
        """Node -> state of its execution, in the last run or the one so many runs before."""
        store = metadata.open_store(self.home)
        run = metadata.run_contexts(store, "toy")[-1 - back]
        return {
            metadata.contexts_of(store, execution.id)["node"].name.removeprefix("toy."): STATES[
                execution.last_known_state
            ]
            for execution in metadata.executions_of(store, run)
        }

    def executed(self) -> list[str]:
        """The components that the last run executed; all others that it reached were cached."""
        states = self.states()
        assert set(states.values()) <= {"complete", "cached"}
        return [component for component in COMPONENTS if states.get(component) == "complete"]

    def counts(self) -> dict[str, Counter[str]]:
        """Component -> how often it is in which state, over all runs."""
        store = metadata.open_store(self.home)
        found: dict[str, Counter[str]] = {}
        for node, context in metadata.node_contexts(store, "toy").items():
            if node in COMPONENTS:
                executions = metadata.executions_of(store, context)
                found[node] = Counter(STATES[execution.last_known_state] for execution in executions)
        return found

    def runs(self) -> list[str]:
        """The states of all runs, oldest first."""
        store = metadata.open_store(self.home)
        return [
            context.custom_properties["mlpipe_state"].string_value
            for context in metadata.run_contexts(store, "toy")
        ]

    def artifact(self, node: str, key: str) -> pb.Artifact:
        """The newest artifact that a node made under an output key."""
        store = metadata.open_store(self.home)
        context = metadata.node_contexts(store, "toy")[node]
        executions = {execution.id for execution in metadata.executions_of(store, context)}
        events = metadata.events_of_executions(store, executions)
        made = {e.artifact_id for e in events if e.type in metadata.OUTPUTS and key in metadata.keys(e)}
        return metadata.artifacts(store, made)[-1]

    def verdict(self) -> dict[str, Any]:
        return gates.verdict(self.artifact("Evaluator", "evaluation"))

    def accuracy(self) -> dict[str, Any]:
        """The verdict's row on accuracy overall."""
        (row,) = [
            row
            for row in self.verdict()["metrics"]
            if (row["slice"], row["metric"]) == ("overall", "accuracy")
        ]
        return row

    def served(self) -> list[str]:
        """Everything that lies in the folder of versions."""
        folder = self.home.serving("toy")
        return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []

    def change(self, old: str, new: str) -> None:
        """Edits toy.yaml."""
        path = self.folder / "toy.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def rows(count: int = 200, seed: int = 1, wrong: float = 0.0) -> str:
    """A CSV of points and the side of a line on which they are; a share of the labels can be wrong."""
    draw = random.Random(seed)
    lines = ["x,y,color,label"]
    for _ in range(count):
        x, y = draw.uniform(-1, 1), draw.uniform(-1, 1)
        label = int(x + y > 0) ^ int(draw.random() < wrong)
        lines.append(f"{x:.4f},{y:.4f},{draw.choice(['red', 'blue'])},{label}")
    return "\n".join(lines) + "\n"


def mlpipe(*arguments: str) -> Result:
    """The command in this process, which has TensorFlow imported already; streams are caught as the kernel sees them."""
    former = sys.argv, sys.stdout, sys.stderr
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with _in_place_of(1, out), _in_place_of(2, err), model_servers.forked():
            sys.argv = ["mlpipe", *arguments]
            sys.stdout = os.fdopen(1, "w", closefd=False, buffering=1)
            sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
            code: Any = 0
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code or 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                sys.argv, sys.stdout, sys.stderr = former
        out.seek(0)
        err.seek(0)
        return Result(code, out.read(), err.read())


@contextmanager
def _in_place_of(descriptor: int, file: IO[str]) -> Iterator[None]:
    saved = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)
