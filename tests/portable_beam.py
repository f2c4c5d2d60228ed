"""A Beam job service and a pool of workers of the tests' own, on free ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
_PATIENCE = 300


@dataclass(frozen=True)
class Service:
    """Where the two listen, and the log of the workers."""

    job_endpoint: str
    workers: str
    workers_log: Path

    @property
    def overrides(self) -> list[str]:
        """What a command needs to run on it."""
        values = ("engine=portable", f"job_endpoint={self.job_endpoint}", f"workers={self.workers}")
        return [word for value in values for word in ("--set", f"beam.{value}")]


def free_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"localhost:{probe.getsockname()[1]}"


@contextmanager
def portable_beam(folder: Path, worker: Path | None = None) -> Iterator[Service]:
    """Starts both, and ends them with all that they started; logs go to the folder.

    `worker` is the program that becomes a worker, instead of the pool's own way.
    """
    executable = [] if worker is None else [f"--container_executable={worker}"]
    service = Service(free_address(), free_address(), folder / "workers.log")
    staging = f"--staging_dir={folder / 'staging'}"
    processes = [
        _start(
            "portability.local_job_service_main",
            [_port("--port", service.job_endpoint), staging],
            folder / "jobs.log",
        ),
        _start(
            "worker.worker_pool_main",
            [_port("--service_port", service.workers), *executable],
            service.workers_log,
        ),
    ]
    try:
        for process, address in zip(processes, (service.job_endpoint, service.workers), strict=True):
            _wait(process, address)
        yield service
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port(option: str, address: str) -> str:
    return f"{option}={address.rpartition(':')[2]}"


def _start(module: str, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    # The pool starts its workers as `python`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", f"apache_beam.runners.{module}", *arguments],
            env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _PATIENCE
    while True:
        assert process.poll() is None
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
