"""Penguin on a real Airflow: scheduler, DAG processor and API server of `make airflow`'s environment."""

from __future__ import annotations

import datetime
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline import gates, metadata, node_list, runs
from pipeline.config import load
from pipeline.home import Home
from pipeline.orchestration import airflow
from tests.end_to_end.project import STATES
from tests.orchestration.airflow_server import Server, serving
from tools.package_index import configured_index

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "pipeline.cli"]
# The waits between tries are not what is tested.
SET = ["airflow.retry_seconds=1"]
BAD, GOOD = "manual__bad+1", "good"


@pytest.fixture(scope="module")
def environment() -> Path:
    """Airflow's environment, made as `make airflow` makes it; where no index is reached, the tests are skipped."""
    python = subprocess.run(
        ["sh", "tools/find_python.sh"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    command = ["nice", "-n", "19", python, "-m", "tools.airflow", "environment"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if made.returncode and not _index_answers():
        pytest.skip(made.stderr.strip().splitlines()[-1])
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def _index_answers() -> bool:
    try:
        for url in configured_index(os.environ).urls[-1:]:
            urllib.request.urlopen(f"{url.rstrip('/')}/apache-airflow/", timeout=20).close()
            return True
    except OSError:
        pass
    return False


@dataclass(frozen=True)
class Runs:
    """What the two runs on Airflow and the one of `mlpipe run` left."""

    server: Server
    folder: Path
    local: Home
    states: dict[str, str]
    pushed_after_bad: bool

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")


@pytest.fixture(scope="module")
def done(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A run on a bad CSV, then one in which a task is killed; beside them `mlpipe run` in a home of its own."""
    base = tmp_path_factory.mktemp("airflow")
    folder, server_home = base / "it's a project", base / "server"
    folder.mkdir()
    rows = (ROOT / "data/penguins/penguins.csv").read_text().splitlines()
    rows[2] = rows[2].replace(rows[2].split(",")[2], "long")
    (folder / "bad.csv").write_text("\n".join(rows) + "\n")
    home, local = Home(folder / "home"), Home(folder / "local")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        airflow.export("penguin", SET, home, server_home / "dags", shlex.join(COMMAND))
        _write_daily(folder)
        says = ["sh", "-c", 'echo "mlpipe: $*"; exit 2', "mlpipe"]
        airflow.export("./daily.yaml", (), home, server_home / "dags", shlex.join(says))
    beside = subprocess.Popen(
        ["nice", "-n", "19", *COMMAND, "run", "penguin", "--set", *SET, "--home", str(local.root)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        with serving(server_home, environment) as server:
            server.trigger("penguin", BAD, {"set": ["data.path=bad.csv"]})
            states = {BAD: server.wait("penguin", BAD, 600)}
            pushed_after_bad = home.serving("penguin").exists()
            server.trigger("penguin", GOOD)
            _kill_task(server, home, "StatisticsGen")
            states[GOOD] = server.wait("penguin", GOOD, 1800)
            assert beside.wait(timeout=300) == 0
            yield Runs(server, folder, local, states, pushed_after_bad)
    finally:
        beside.kill()
        beside.wait()


def _write_daily(folder: Path) -> None:
    """A pipeline over a file a day, that runs every minute."""
    text = (ROOT / "pipeline/catalog/penguin.yaml").read_text()
    text = text.replace("name: penguin", "name: daily")
    text = text.replace("data/penguins/penguins.csv", "days/{YYYY}-{MM}-{DD}.csv")
    (folder / "daily.yaml").write_text(f'{text}\nairflow: {{schedule: "* * * * *", timezone: Asia/Tokyo}}\n')


def _kill_task(server: Server, home: Home, node: str) -> None:
    """SIGKILL Airflow's process of a task while its node is at work; what it called dies with it."""
    deadline = time.monotonic() + 600
    while not list((home.pipeline_root("penguin") / node).glob("*/*")):
        assert time.monotonic() < deadline, f"{node} does not begin"
        time.sleep(0.1)
    pid = server.tasks("penguin", GOOD)[node]["pid"]
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert node in Path(f"/proc/{child}/cmdline").read_text().split("\0")
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, f"{node}'s command outlives its task"
        time.sleep(0.1)


def test_the_file_imports_neither_tfx_nor_tensorflow(done: Runs, environment: Path) -> None:
    script = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    path = done.server.home / "dags/mlpipe_penguin.py"
    command = [environment / "bin/python", "-W", "ignore", "-c", script, path]
    modules = subprocess.run(
        command, env=done.server.env, check=True, capture_output=True, text=True
    ).stdout.splitlines()[-1]
    assert "airflow" in modules.split()
    assert not {"tfx", "tensorflow", "apache_beam", "ml_metadata", "pipeline"} & set(modules.split())
    assert done.server.ask("/api/v2/importErrors")["total_entries"] == 0


def test_bad_data_fails_the_right_task_once_and_pushes_nothing(done: Runs) -> None:
    assert done.states[BAD] == "failed"
    tasks = done.server.tasks("penguin", BAD)
    assert (tasks["ExampleGen"]["state"], tasks["ExampleGen"]["try_number"]) == ("failed", 1)
    assert {task["state"] for node, task in tasks.items() if node != "ExampleGen"} == {"upstream_failed"}
    log = done.server.log("penguin", BAD, "ExampleGen")
    assert "bad.csv:3: column" in log
    assert "'long' is not a number" in log
    assert not done.pushed_after_bad
    (run,) = [
        run
        for run in runs.list_runs(metadata.open_store(done.home), "penguin", 10)
        if run.id.startswith("penguin-manual__bad-1-")
    ]
    assert run.state == "failed"
    assert "bad.csv:3" in run.reason


def test_a_killed_task_is_retried_and_the_run_ends_well(done: Runs) -> None:
    assert done.states[GOOD] == "success"
    tasks = done.server.tasks("penguin", GOOD)
    assert {task["state"] for task in tasks.values()} == {"success"}
    tries = {node: task["try_number"] for node, task in tasks.items()}
    assert tries == {node: 2 if node == "StatisticsGen" else 1 for node in tries}
    assert set(tries) == {node.id for node in node_list.node_list(load("penguin"))}


def test_a_scheduled_run_is_of_the_last_whole_day(done: Runs) -> None:
    listed = done.server.ask("/api/v2/dags/daily/dagRuns?order_by=run_after")["dag_runs"]
    assert {run["run_type"] for run in listed} == {"scheduled"}
    log = done.server.log("daily", listed[0]["dag_run_id"], "ExampleGen")
    at = datetime.datetime.fromisoformat(listed[0]["run_after"]).astimezone(ZoneInfo("Asia/Tokyo"))
    day = (at.date() - datetime.date(1970, 1, 1)).days - 1
    assert f"--set=data.span={day}" in log
    assert "AirflowFailException" in log


def test_the_model_and_the_records_are_those_of_mlpipe_run(done: Runs) -> None:
    stores = {name: metadata.open_store(home) for name, home in (("a", done.home), ("l", done.local))}
    found = {name: runs.get_run(store, "penguin", "last") for name, store in stores.items()}
    assert found["a"].id == f"penguin-{GOOD}"
    assert [run.state for run in found.values()] == ["succeeded", "succeeded"]
    assert found["a"].fingerprint == found["l"].fingerprint != ""
    assert found["a"].config == found["l"].config
    records = {name: _records(store, found[name].id) for name, store in stores.items()}
    killed = records["a"].pop("StatisticsGen")
    assert killed["states"] == ["failed", "complete"]
    assert {**killed, "states": ["complete"]} == records["l"].pop("StatisticsGen")
    assert records["a"] == records["l"]
    assert records["a"]["Pusher"]["outputs"] == [("pushed_model", "PushedModel")]
    verdicts = [gates.verdict(_artifact(store, "Evaluator", "evaluation")) for store in stores.values()]
    assert verdicts[0]["blessed"]
    assert verdicts[0] == verdicts[1]
    for home in (done.home, done.local):
        assert [path.name for path in home.serving("penguin").iterdir()] == ["1"]
        assert (home.serving("penguin") / "1/saved_model.pb").exists()


def _records(store: metadata.Store, run_id: str) -> dict[str, dict[str, list[object]]]:
    """Node -> the states of its executions in a run, and key and type of what they made."""
    context = metadata.run_context(store, run_id)
    assert context is not None
    types = {kind.id: kind.name for kind in store.get_artifact_types()}
    found: dict[str, dict[str, list[object]]] = {}
    for execution in sorted(metadata.executions_of(store, context), key=lambda execution: execution.id):
        node = metadata.contexts_of(store, execution.id)["node"].name.removeprefix("penguin.")
        record = found.setdefault(node, {"states": [], "outputs": []})
        record["states"].append(STATES[execution.last_known_state])
        if STATES[execution.last_known_state] == "failed":
            continue
        for event in metadata.events_of_executions(store, [execution.id]):
            if event.type in metadata.OUTPUTS:
                (artifact,) = metadata.artifacts(store, [event.artifact_id])
                record["outputs"].append((metadata.keys(event)[0], types[artifact.type_id]))
        record["outputs"].sort(key=str)
    return found


def _artifact(store: metadata.Store, node: str, key: str) -> metadata.mlmd.Artifact:
    """The newest artifact that a node made under a key."""
    executions = metadata.executions_of(store, metadata.node_contexts(store, "penguin")[node])
    events = metadata.events_of_executions(store, {execution.id for execution in executions})
    made = {e.artifact_id for e in events if e.type in metadata.OUTPUTS and key in metadata.keys(e)}
    return metadata.artifacts(store, made)[-1]
