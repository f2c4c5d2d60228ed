"""What the process does with signals, a log that cannot be written, and too few file descriptors."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.serving import models
from tests.serving.process import START_SECONDS, ServerProcess, launch

pytestmark = pytest.mark.slow


@pytest.fixture
def flags(tmp_path: Path) -> tuple[str, str]:
    models.half_plus_two_tf2(tmp_path / "m" / "1")
    return ("--model_name=m", f"--model_base_path={tmp_path}/m")


def answers(server: ServerProcess) -> bool:
    return bool(server.rest("/v1/models/m:predict", {"instances": [2.0]}).json == {"predictions": [3.0]})


def under_shell(*redirections: str) -> tuple[str, ...]:
    """A command that gives its arguments' program other standard streams."""
    return ("sh", "-c", f'exec "$@" {" ".join(redirections)}', "sh")


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&- >&- 2>&-"])
def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, flags: tuple[str, str], redirection: str
) -> None:
    server = launch(tmp_path, *flags, "--enable_profiler", wrapper=under_shell(redirection))
    try:
        server.wait_until_ready()
        assert answers(server)
        assert server.stop() == 0
    finally:
        server.process.kill()


def test_ctrl_c_while_it_starts_is_told_without_a_traceback(tmp_path: Path, flags: tuple[str, str]) -> None:
    server = launch(tmp_path, *flags)
    deadline = time.monotonic() + START_SECONDS
    while "libtensorflow" not in Path(f"/proc/{server.process.pid}/maps").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.stop(signal.SIGINT) == 130
    assert "Traceback" not in server.log.read_text()


def test_a_second_signal_ends_it_at_once(tmp_path: Path, flags: tuple[str, str]) -> None:
    server = launch(tmp_path, *flags)
    try:
        server.wait_until_ready()
        with socket.create_connection(("127.0.0.1", server.rest_port)) as unfinished:
            unfinished.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.5)
            server.process.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(2)
            server.process.terminate()
            assert server.process.wait(30) == 128 + signal.SIGTERM
    finally:
        server.process.kill()


def test_without_file_descriptors_connections_wait(tmp_path: Path, flags: tuple[str, str]) -> None:
    server = launch(tmp_path, *flags)
    connections = []
    try:
        server.wait_until_ready()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        size = server.log.stat().st_size
        connections = [socket.create_connection(("127.0.0.1", server.rest_port)) for _ in range(100)]
        time.sleep(4)
        assert server.log.stat().st_size - size < 2000
        assert "too many open files" in server.log.read_text()
        for connection in connections:
            connection.close()
        assert answers(server)
    finally:
        for connection in connections:
            connection.close()
        server.process.kill()
