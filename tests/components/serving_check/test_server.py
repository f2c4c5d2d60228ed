"""The server's process ends with the check, however the check ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.serving_check import server

REPOSITORY = Path(__file__).parents[3]

SLEEPS = (sys.executable, "-c", "import time; print('never ready', flush=True); time.sleep(600)")
DIES = (
    sys.executable,
    "-c",
    "import sys; print('loading'); sys.exit('ModuleNotFoundError: no such op: Frobnicate')",
)
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)",
)
STATUS = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = {"error_code": "INTERNAL", "error_message": "Op type not registered 'Frobnicate'"}
        body = json.dumps({"model_version_status": [{"version": "1", "state": "END", "status": status}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
flags = dict(flag.lstrip("-").split("=", 1) for flag in sys.argv if flag.startswith("--"))
http.server.HTTPServer((flags["host"], int(flags["rest_api_port"])), Handler).serve_forever()
"""
PARENT = """
import sys, tempfile, time
from pathlib import Path
from components.serving_check import server
from components.serving_check.interruption import cleaned_up_before_sigterm
with cleaned_up_before_sigterm(), tempfile.TemporaryDirectory(dir=sys.argv[1]) as scratch:
    with server.running(Path(sys.argv[1]), "m", Path(scratch)) as served:
        print(served.process.pid, flush=True)
        time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_gets_a_model_with_one_version_and_loopback_ports(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    shows = (sys.executable, "-c", "import os, sys; print(os.getcwd(), *sys.argv[1:], sep='\\n')")
    with server.running(model, "penguin", tmp_path / "scratch", shows) as served:
        served.process.wait()
        folder, parent, *flags = served.last_lines()
    assert folder == str(tmp_path / "scratch")
    assert parent == str(os.getpid())
    assert f"--port={served.grpc_port}" in flags
    assert f"--rest_api_port={served.rest_port}" in flags
    assert "--model_name=penguin" in flags
    (base,) = [flag.partition("=")[2] for flag in flags if flag.startswith("--model_base_path=")]
    assert [entry.name for entry in Path(base).iterdir()] == ["1"]
    assert (Path(base) / "1").samefile(model)


def test_not_ready_in_time(tmp_path: Path) -> None:
    with server.running(tmp_path, "m", tmp_path / "scratch", SLEEPS) as served:
        with pytest.raises(server.ServerFailed) as caught:
            served.wait_until_ready(1)
        assert (
            str(caught.value)
            == "the server was not ready after 1 s (serving_check.start_seconds): never ready"
        )
    assert not is_alive(served.process.pid)


def test_it_ends_before_it_is_ready(tmp_path: Path) -> None:
    with server.running(tmp_path, "m", tmp_path / "scratch", DIES) as served:
        with pytest.raises(server.ServerFailed) as caught:
            served.wait_until_ready(20)
        assert str(caught.value) == (
            "the server ended with exit code 1: ModuleNotFoundError: no such op: Frobnicate"
        )
        assert served.last_lines() == ["loading", "ModuleNotFoundError: no such op: Frobnicate"]
        assert served.peak_memory_mb() is None


def test_a_model_that_the_server_cannot_load(tmp_path: Path) -> None:
    command = (sys.executable, "-c", STATUS)
    with server.running(tmp_path, "m", tmp_path / "scratch", command) as served:
        with pytest.raises(server.ServerFailed) as caught:
            served.wait_until_ready(20)
    assert str(caught.value) == ("the server could not load the model: Op type not registered 'Frobnicate'")


def test_peak_memory(tmp_path: Path) -> None:
    grows = "import time; x = bytearray(200_000_000); print('on', flush=True); del x; time.sleep(600)"
    with server.running(tmp_path, "m", tmp_path / "scratch", (sys.executable, "-c", grows)) as served:
        wait_until(lambda: served.last_lines() == ["on"])
        time.sleep(0.1)
        memory = served.peak_memory_mb()
    assert memory is not None
    assert 200 < memory < 260


def test_a_server_that_does_not_listen_to_sigterm(tmp_path: Path) -> None:
    with server.running(tmp_path, "m", tmp_path / "scratch", STUBBORN) as served:
        wait_until(lambda: served.last_lines() == ["on"])
    assert served.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_ends_it(error: type[BaseException], tmp_path: Path) -> None:
    started: list[server.Server] = []

    def interrupted() -> None:
        with server.running(tmp_path, "m", tmp_path / "scratch", SLEEPS) as served:
            started.append(served)
            raise error

    with pytest.raises(error):
        interrupted()
    assert started[0].process.returncode is not None


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_parent(sig: signal.Signals, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(scratch)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(sig)
    assert parent.wait(20) == -sig
    parent.stdout.close()
    wait_until(lambda: not is_alive(pid))
    if sig != signal.SIGKILL:
        assert list(scratch.iterdir()) == []
