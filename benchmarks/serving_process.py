"""The server and its load clients as processes of their own."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import REPOSITORY

START_SECONDS = 120
PROTOCOLS = ("grpc", "rest")


@dataclass(frozen=True)
class Server:
    """A running server and where it listens, by protocol."""

    model: str
    ports: dict[str, int]
    log: Path
    pid: int

    def versions(self) -> dict[int, str]:
        """The state of every version it knows."""
        url = f"http://127.0.0.1:{self.ports['rest']}/v1/models/{self.model}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            states = json.load(answer)["model_version_status"]
        return {int(each["version"]): each["state"] for each in states}


@contextmanager
def serving(model: str, base_path: Path, scratch: Path, flags: Sequence[str] = ()) -> Iterator[Server]:
    """A server with one model that answers already; ended with SIGTERM. Raises RuntimeError with the log's end."""
    ports = {protocol: _free_port() for protocol in PROTOCOLS}
    log = scratch / "server.log"
    command = [
        *(sys.executable, "-m", "serving.server", "--host=127.0.0.1"),
        *(f"--port={ports['grpc']}", f"--rest_api_port={ports['rest']}"),
        *(f"--model_name={model}", f"--model_base_path={base_path}", *flags),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=stream, stderr=stream)
    server = Server(model, ports, log, process.pid)
    try:
        _wait_until_available(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def load(server: Server, protocol: str, body: Path, clients: int, seconds: float) -> subprocess.Popen[str]:
    """Starts clients that send the request in `body` again and again for so long; `result` reads what they saw."""
    command = [
        *(sys.executable, "-m", "benchmarks.serving_client", protocol),
        *(f"127.0.0.1:{server.ports[protocol]}", "--model", server.model, "--body", str(body)),
        *("--clients", str(clients), "--seconds", str(seconds)),
    ]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict:
    """What the clients print at their end: see `benchmarks.serving_client`. Raises RuntimeError when they failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load clients ended with {process.returncode}")
    parsed: dict = json.loads(output)
    return parsed


class Bystanders:
    """How much of the processors others than the server and the finished load clients took since it was made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began, self._busy = time.monotonic(), self._others()

    def cores(self) -> float:
        """Cores that others kept busy on average."""
        return max(0.0, (self._others() - self._busy) / (time.monotonic() - self._began))

    def _others(self) -> float:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        idle = int(fields[3]) + int(fields[4])
        own = sum(
            map(int, Path(f"/proc/{self._server.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        )
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ticks = sum(map(int, fields[:8])) - idle - own
        return ticks / os.sysconf("SC_CLK_TCK") - children.ru_utime - children.ru_stime


def _wait_until_available(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if "AVAILABLE" in server.versions().values():
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{server.log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
