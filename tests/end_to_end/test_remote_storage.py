"""Data, artifacts and versions in an object store: the same runs, records and answers as in folders, on a real server."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import remote_files
from pipeline import config as configs
from pipeline import metadata, metadata_address, node_list, runs
from pipeline.home import Home
from pipeline.orchestration import kubeflow
from tests.end_to_end.project import Result, mlpipe
from tests.object_store import ObjectStore
from tests.orchestration import kfp_backend
from tests.postgresql import PASSWORD, PostgreSQL, postgresql

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "data/penguins/penguins.csv"
KILLED = "Transform"
# Killed with SIGKILL in the middle of its uploads.
KILLS_ITSELF = """
import os
import signal

from common import remote_files
from pipeline.cli import main

upload = remote_files._upload_file


def upload_file(path, uri):
    if path.name == "saved_model.pb":
        os.kill(os.getpid(), signal.SIGKILL)
    upload(path, uri)


remote_files._upload_file = upload_file
main()
"""
MODEL_PARTS = ("assets.extra/mlpipe.json", "saved_model.pb", "variables/variables.index")


@pytest.fixture
def places(s3: ObjectStore) -> list[str]:
    """The options by which data, artifacts and versions of penguin are in the store."""
    s3.put("data/penguins.csv", ROWS.read_bytes())
    where = {
        "data.path": s3.uri("data/*.csv"),
        "pipeline_root": s3.uri("artifacts"),
        "push.directory": s3.uri("models"),
    }
    return [word for key, value in where.items() for word in ("--set", f"{key}={value}")]


def states(home: Home, run: str = "last") -> dict[str, str]:
    found = runs.get_run(metadata.open_store(home), "penguin", run)
    return {node.id: node.state for node in found.nodes}


def test_from_the_store_to_the_store(
    s3: ObjectStore, places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")

    def ask(*arguments: str) -> Result:
        result = mlpipe(*arguments, "--home", str(home.root))
        assert result.code == 0, result.err
        return result

    ask("run", "penguin", *places)
    assert set(states(home).values()) == {"complete"}
    keys = s3.keys()
    assert {f"models/1/{part}" for part in MODEL_PARTS} <= set(keys)
    assert not home.serving("penguin").exists()
    artifacts = [one for one in metadata.open_store(home).get_artifacts() if one.uri]
    assert all(one.uri.startswith(s3.uri("artifacts/penguin")) for one in artifacts)
    # Every file that a node left here is in the store, and nothing else.
    made = home.pipeline_root("penguin")
    local = {str(path.relative_to(made)) for path in made.glob("*/*/[0-9]*/**/*") if path.is_file()}
    local = {name for name in local if "/.system/" not in name and "/checkpoints/" not in name}
    stored = {key.removeprefix("artifacts/penguin/") for key in keys if key.startswith("artifacts/")}
    report = f"reports/{runs.get_run(metadata.open_store(home), 'penguin', 'last').id}.html"
    assert stored - {".mlpipe-records", report} == local

    example_gen = next(one for one in metadata.open_store(home).get_executions() if "ExampleGen" in one.type)
    assert metadata.properties(example_gen)["input_base"] == s3.uri("data")

    assert ask("run", "penguin", *places).out.startswith("penguin is up to date")
    answer = json.loads(ask("lineage", "model", "1", "--json").out)
    assert answer["data"][0]["files"][0]["file"] == "penguins.csv"
    assert answer["pushes"][0]["destination"] == s3.uri("models/1")
    assert answer["pushes"][0]["served"]

    # Without the copies, all comes from the cache still, and what has to run brings here what it needs.
    shutil.rmtree(home.pipelines)
    shutil.rmtree(home.remote)
    ask("run", "penguin", *places, "--set", "evaluation.mistakes=3", "--set", "push.keep=2")
    again = states(home)
    assert {name for name, state in again.items() if state == "complete"} >= {"Evaluator", "Pusher"}
    assert {again[name] for name in ("ExampleGen", "Transform", "Trainer")} == {"cached"}
    assert sorted(path.name for path in made.iterdir() if list(path.glob("*/[0-9]*"))) >= ["Evaluator"]
    assert remote_files.children(s3.uri("models")) == ["1"]

    # What changes in the store is seen.
    s3.put("data/penguins.csv", b"".join(ROWS.read_bytes().splitlines(keepends=True)[:-10]))
    ask("run", "penguin", *places, "--until", "SchemaGen")
    assert states(home)["ExampleGen"] == "complete"

    rows = tmp_path / "rows.csv"
    rows.write_text("".join(ROWS.read_text().splitlines(keepends=True)[:3]))
    answered = ask("predict", "penguin", "--local", "--csv", str(rows), "--output", "json")
    assert [json.loads(line)["label"] for line in answered.out.splitlines()] == ["Adelie", "Adelie"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


def test_containers_that_share_nothing(
    s3: ObjectStore,
    places: list[str],
    server: PostgreSQL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The Kubeflow spec without a volume: each container has an empty home, and one is killed with SIGKILL."""
    monkeypatch.setenv(metadata_address.PASSWORD, PASSWORD)
    overrides = [
        *places[1::2],
        "kubeflow.image=mlpipe:test",
        f"kubeflow.env={{MLPIPE_METADATA_URI: '{server.uri}'}}",
        "kubeflow.retries=1",
    ]
    config = configs.load("penguin", overrides)
    text = kubeflow.render("penguin", config, overrides)
    assert "pvcMount" not in text
    home = Home(tmp_path / "state")

    def launch(container: kfp_backend.Try) -> int:
        shutil.rmtree(home.root, ignore_errors=True)
        _, *words = container.command
        arguments = [str(home.root) if word == "/state" else word for word in words]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in container.env.items():
                patch.setenv(name, value)
            if (container.task, container.number) == (KILLED, 0):
                command = [sys.executable, "-c", KILLS_ITSELF, *arguments]
                return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode
            return mlpipe(*arguments).code

    outcome = kfp_backend.run(text, "6b0d7f1e-store", launch, side_by_side=1)
    nodes = [node.id for node in node_list.node_list(config)]
    assert outcome.codes == {**{node: [0] for node in nodes}, KILLED: [-signal.SIGKILL, 0], "end": [0]}
    monkeypatch.setenv(metadata_address.URI, server.uri)
    shutil.rmtree(home.root)
    assert set(states(home, "6b0d7f1e-store").values()) == {"complete"}
    assert {f"models/1/{part}" for part in MODEL_PARTS} <= set(s3.keys("models/"))
    # The page of the run outlives the container that made it, and a browser shows it.
    page = s3.client("s3").get_object(Bucket=s3.bucket, Key="artifacts/penguin/reports/6b0d7f1e-store.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert "6b0d7f1e-store" in page["Body"].read().decode()
    # Of the try that was killed no artifact is recorded; what it had uploaded is garbage.
    recorded = {one.uri for one in metadata.open_store(home).get_artifacts()}
    graphs = {
        s3.uri(key.rsplit("/", 1)[0]) for key in s3.keys("artifacts/penguin/Transform/transform_graph/")
    }
    executions = {uri.split("/")[7] for uri in graphs}
    assert len(executions) == 2
    assert len([uri for uri in recorded if "/transform_graph/" in uri]) == 1

    # Another run takes all of it from the cache, wherever it is.
    again = mlpipe("run", "penguin", *places, "--home", str(home.root), "--set", "push.keep=2")
    assert again.code == 0, again.err
    assert {states(home)[name] for name in ("StatisticsGen", "Transform", "Trainer", "Evaluator")} == {
        "cached"
    }
