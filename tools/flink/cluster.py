"""A Flink session cluster on this machine: one job manager, task managers with a slot each, Beam's job server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import BadInput

_PATIENCE = 120
_TERM_SECONDS = 10
_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
# Warnings, without those of metrics that the names of Beam's operators are long.
_LOG = tuple(
    f"-Dorg.slf4j.simpleLogger.{setting}"
    for setting in ("defaultLogLevel=warn", "log.org.apache.flink.metrics=error", "showDateTime=true")
)
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
# Flink and Spark reach into these packages of Java 17; their own start scripts open them too.
_EXPORTS = ("sun.net.util", "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
_OPENS = (
    "java.lang java.lang.invoke java.lang.reflect java.net java.io java.nio sun.nio.ch sun.nio.cs java.text java.time"
    " java.util java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks sun.security.action"
    " sun.util.calendar"
)
# TFDV's and TFT's jobs have hundreds of tasks; each has buffers for what it sends and gets.
_NETWORK = "384m"
_TASK_MANAGER_MEMORY = {
    "taskmanager.cpu.cores": "1",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "384m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.managed.size": "256m",
    "taskmanager.memory.network.min": _NETWORK,
    "taskmanager.memory.network.max": _NETWORK,
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "64m",
    "taskmanager.memory.jvm-overhead.max": "64m",
    "taskmanager.network.sort-shuffle.min-buffers": "64",
}


@dataclass
class Cluster:
    """A cluster that runs: its addresses, its logs and its processes."""

    folder: Path
    jars: Path
    master: str
    job_endpoint: str
    env: Mapping[str, str] = field(repr=False)
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    task_managers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    gone: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def revive(self) -> int:
        """Start task managers again that have ended, as a cluster's supervisor does; gives how many.

        Raises:
          BadInput: Flink or the job server itself has ended.
        """
        for name, process in self.servers.items():
            if process.poll() is not None:
                raise BadInput(f"the {name} has ended, its log: {self.log(name)}")
        ended = [number for number, process in self.task_managers.items() if process.poll() is not None]
        for number in ended:
            self.gone.append(self.task_managers[number])
            self.start_task_manager(number)
        return len(ended)

    def start_task_manager(self, number: int) -> None:
        """Start the task manager of this number; a former log is kept, the new one goes on with it."""
        options = [word for item in _TASK_MANAGER_MEMORY.items() for word in ("-D", "=".join(item))]
        self.task_managers[number] = self._java(
            f"task-manager-{number}",
            ["-Xmx512m", "-XX:MaxDirectMemorySize=640m", "-XX:MaxMetaspaceSize=256m"],
            [_TASK_MANAGER, "--configDir", str(self.folder), *options],
        )

    def log(self, name: str) -> Path:
        """The log of one of the processes."""
        return self.folder / f"{name}.log"

    def start(self, task_managers: int) -> None:
        """Start all of it, and wait until the job server listens and every task manager has registered.

        Raises:
          BadInput: a process ended instead, or two minutes were not enough; the line names the log.
        """
        host, _, port = self.job_endpoint.rpartition(":")
        self.servers["job-manager"] = self._java(
            "job-manager", ["-Xmx600m"], [_JOB_MANAGER, "--configDir", str(self.folder)]
        )
        for number in range(1, task_managers + 1):
            self.start_task_manager(number)
        self.servers["job-server"] = self._java(
            "job-server",
            ["-Xmx512m"],
            [
                _JOB_SERVER,
                *("--flink-master", self.master),
                *("--artifacts-dir", str(self.folder / "artifacts")),
                *("--job-host", host, "--job-port", port, "--artifact-port", "0", "--expansion-port", "0"),
            ],
        )
        deadline = time.monotonic() + _PATIENCE
        while not (listens(host, int(port)) and registered(self.master) == task_managers):
            for name, process in (*self.servers.items(), *self._named_task_managers()):
                if process.poll() is not None:
                    raise BadInput(f"the {name} ended at its start, its log: {self.log(name)}")
            if time.monotonic() > deadline:
                raise BadInput(f"Flink did not come up in {_PATIENCE} s, its logs: {self.folder}")
            time.sleep(0.2)

    def _named_task_managers(self) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        return ((f"task-manager-{number}", process) for number, process in self.task_managers.items())

    def _java(self, name: str, options: Sequence[str], command: Sequence[str]) -> subprocess.Popen[bytes]:
        return java(self.jars, self.log(name), [*_LOG, *options, *command], self.env)


def java(jars: Path, log: Path, words: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start Java, in a process group of its own, with the jars of a folder; a log that is there goes on."""
    exports = (package if "/" in package else f"java.base/{package}" for package in _EXPORTS)
    access = [
        *(f"--add-exports={package}=ALL-UNNAMED" for package in exports),
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS.split()),
    ]
    with log.open("ab") as file:
        return subprocess.Popen(
            ["java", *access, *words],
            env={**env, "CLASSPATH": str(jars / "*")},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes, with all that they started."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _TERM_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running(
    jars: Path,
    folder: Path,
    *,
    port: int = 0,
    job_port: int = 0,
    task_managers: int = 2,
    env: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """A cluster that runs until the block ends.

    Flink listens on this machine's loopback. Beam's job server, and what task managers open for their Python workers,
    are on all addresses: Beam leaves no choice.

    Port 0 takes a free one. Logs and configuration go to the folder, which is made anew; workers get the environment `env` (default: this
    process's).

    Raises:
      BadInput: a port is taken, or it does not come up.
    """
    rpc, rest, job = (free_port(wanted) for wanted in (0, port, job_port))
    settings = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": "localhost",
        "jobmanager.memory.process.size": "1024m",
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": 1,
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": rest,
        # Beam is part of the cluster: out of a job's own copy it would start new workers for every stage.
        "classloader.resolve-order": "parent-first",
        # What ran on a task manager that ends is run again; without it the job fails. Of Flink's strategies this one
        # counts the many failures that come with the end of a task manager as one.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": 5,
        # A task manager that was killed is noticed in seconds, not in a minute.
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 20000,
    }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    cluster = Cluster(folder, jars, f"localhost:{rest}", f"localhost:{job}", env or os.environ)
    try:
        cluster.start(task_managers)
        yield cluster
    finally:
        stop([*cluster.servers.values(), *cluster.task_managers.values(), *cluster.gone])


def registered(master: str) -> int:
    """How many task managers the Flink at host:port has; 0 when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{master}/overview", timeout=5) as answer:
            return int(json.load(answer)["taskmanagers"])
    except (OSError, urllib.error.URLError, ValueError):
        return 0


def free_port(wanted: int) -> int:
    """A port of the loopback that is free now: the wanted one, if it is not 0.

    Raises:
      BadInput: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise BadInput(f"port {wanted} is taken ({error.strerror}); name another") from None
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
