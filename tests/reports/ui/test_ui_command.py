"""`mlpipe ui` as a process: one line when it is there, one when it cannot be, a clean end."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import ui_command
from tests.pipeline.records import Recorder

REPOSITORY = Path(__file__).resolve().parents[3]


@contextmanager
def started(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pipeline.cli", "ui", "--home", str(home), *options]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    found = re.match(r"http://localhost:(\d+)/ shows ", process.stdout.readline())
    assert found
    return int(found[1])


def status(port: int, host: str = "localhost") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse().status
    connection.close()
    return answer


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_answers_and_ends_without_a_word(past: Recorder, number: signal.Signals, code: int) -> None:
    with started(past.home.root, "--port", "0") as process:
        port = port_of(process)
        assert (status(port), status(port, "evil.example")) == (200, 403)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (out.strip(), err) == ("", "")
    assert process.returncode == code


def test_two_at_once_and_a_port_that_is_taken(past: Recorder) -> None:
    with started(past.home.root, "--port", "0") as first, started(past.home.root, "--port", "0") as second:
        ports = {port_of(first), port_of(second)}
        assert len(ports) == 2
        assert {status(port) for port in ports} == {200}
        with started(past.home.root, "--port", str(min(ports))) as third:
            out, err = third.communicate(timeout=60)
    assert (out, third.returncode) == ("", 2)
    line = (
        f"mlpipe: --port {min(ports)}: address already in use; give another one, or 0 for any that is free\n"
    )
    assert err == line


def test_no_other_machine_reaches_it() -> None:
    with ui_command.listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
