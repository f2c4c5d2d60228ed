"""An Airflow of its own for tests: database, scheduler with its executor, DAG processor and API server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools import airflow

# In the order of their start: what the scheduler starts asks the API server at once.
PARTS = (["api-server"], ["dag-processor"], ["scheduler", "--skip-serve-logs"])
# Only what the tests ask for, at a pace for two cores.
PACE = {
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
}


@dataclass
class Server:
    """A running Airflow: its folder, and the address of its API."""

    home: Path
    address: str
    program: Path
    env: Mapping[str, str]
    token: str = field(default="", repr=False)

    def airflow(self, *arguments: str) -> str:
        """What an `airflow` command prints."""
        command = ["nice", "-n", "19", str(self.program), *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that the API answers; with a body, to a POST. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.address}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def trigger(self, dag: str, run_id: str, conf: Mapping[str, Any] | None = None) -> None:
        """Start a run of a DAG, as its page does."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        self.ask(f"/api/v2/dags/{dag}/dagRuns", body)

    def state(self, dag: str, run_id: str) -> str:
        """The state of a run: queued, running, success or failed."""
        return str(self.ask(f"/api/v2/dags/{dag}/dagRuns/{quote(run_id)}")["state"])

    def tasks(self, dag: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Node -> its task: state, try_number and more."""
        found = self.ask(f"/api/v2/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances?limit=100")
        return {task["task_id"]: task for task in found["task_instances"]}

    def log(self, dag: str, run_id: str, task: str, attempt: int = 1) -> str:
        """The log of one try of a task, as text."""
        folder = self.home / "logs" / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task}"
        return (folder / f"attempt={attempt}.log").read_text()

    def wait(self, dag: str, run_id: str, seconds: float) -> str:
        """The state in which a run ends. Raises TimeoutError with the state of its tasks."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.state(dag, run_id)
            if state in ("success", "failed"):
                return state
            time.sleep(1)
        states = {name: task["state"] for name, task in self.tasks(dag, run_id).items()}
        raise TimeoutError(f"{dag} {run_id} is not done after {seconds} s: {states}")


@contextmanager
def serving(home: Path, environment: Path) -> Iterator[Server]:
    """Start Airflow with its state below `home`, where `dags` holds the DAG files; ends all of it afterwards."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    env = {**inherited, **airflow.settings(home, port), **PACE}
    server = Server(home, f"http://127.0.0.1:{port}", environment / "bin/airflow", env)
    server.airflow("db", "migrate")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for part in PARTS:
            if part[0] == "scheduler":
                _wait_until_ready(server, processes)
            with (home / f"{part[0]}.log").open("w") as output:
                command = ["nice", "-n", "19", str(server.program), *part]
                processes.append(
                    subprocess.Popen(
                        command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                    )
                )
        name, slots, description = airflow.POOL
        server.ask("/api/v2/pools", {"name": name, "slots": int(slots), "description": description})
        yield server
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            try:
                process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: Server, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        for part, process in zip(PARTS, processes, strict=False):
            assert process.poll() is None, (server.home / f"{part[0]}.log").read_text()[-3000:]
        try:
            server.token = server.ask("/auth/token")["access_token"]
            dags = {path.stem.removeprefix("mlpipe_") for path in (server.home / "dags").glob("mlpipe_*.py")}
            seen = {dag["dag_id"] for dag in server.ask("/api/v2/dags")["dags"]}
            if dags <= seen:
                return
        except (urllib.error.URLError, ConnectionError, KeyError):
            pass
        time.sleep(1)
    logs = [path.read_text()[-1500:] for path in sorted(server.home.glob("*.log"))]
    raise TimeoutError("Airflow is not ready:\n" + "\n".join(logs))
