"""The model server as a process of its own, for the time of the check."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.serving_check import ports, standby

VERSION = 1
POLL_SECONDS = 0.05
LAST_LINES = 20


class ServerFailed(Exception):
    """The server did not start, did not load the model, or ended; the message is one line."""


@dataclass(frozen=True)
class Server:
    """A server process, which may not be ready yet."""

    process: subprocess.Popen[bytes]
    model: str
    grpc_port: int
    rest_port: int
    log: Path
    started: float

    def wait_until_ready(self, seconds: float) -> float:
        """Returns when the model is served, with the seconds since the start.

        Raises:
          ServerFailed: it ended, could not load the model, or was not ready after `seconds` since its start.
        """
        while True:
            self.check_alive()
            state, message = self._state()
            if state == "AVAILABLE":
                return time.monotonic() - self.started
            if state == "END":
                raise ServerFailed(f"the server could not load the model: {message}")
            if time.monotonic() - self.started > seconds:
                raise ServerFailed(
                    f"the server was not ready after {seconds:g} s (serving_check.start_seconds){self._last_word()}"
                )
            time.sleep(POLL_SECONDS)

    def check_alive(self, within: float = 0.0) -> None:
        """Raises ServerFailed when the process has ended, or ends `within` so many seconds."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            return
        raise ServerFailed(f"the server ended with exit code {code}{self._last_word()}")

    def peak_memory_mb(self) -> float | None:
        """The largest resident set so far, in MB (10^6 bytes); None when the process has ended."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(sizes[0]) * 1024 / 1e6 if sizes else None

    def last_lines(self) -> list[str]:
        """The end of what the server printed."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-LAST_LINES:]

    def stop(self) -> None:
        """Ends the process at once: it holds nothing that is worth its time to shut down."""
        self.process.kill()
        self.process.wait()

    def _state(self) -> tuple[str, str]:
        """The state of the model's version, and its error; empty when the server does not answer yet."""
        connection = http.client.HTTPConnection(ports.LOOPBACK, self.rest_port, timeout=10)
        try:
            connection.request("GET", f"/v1/models/{self.model}")
            (version, *_) = json.loads(connection.getresponse().read())["model_version_status"]
            return version["state"], version["status"]["error_message"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return "", ""
        finally:
            connection.close()

    def _last_word(self) -> str:
        lines = [line.strip() for line in self.last_lines() if line.strip()]
        return f": {lines[-1]}" if lines else ""


@contextmanager
def running(
    saved_model: Path, name: str, scratch: Path, command: Sequence[str] = standby.COMMAND
) -> Iterator[Server]:
    """A server on a SavedModel, as version 1 of the model `name`; it ends with the block, however that ends.

    `scratch` takes the log and a link to the model.
    """
    base = scratch / "served"
    base.mkdir(parents=True)
    (base / str(VERSION)).symlink_to(saved_model.absolute(), target_is_directory=True)
    log = scratch / "server.log"
    with ports.reserved(2) as (grpc_port, rest_port), log.open("wb") as output:
        arguments = [
            f"--host={ports.LOOPBACK}",
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
            f"--model_name={name}",
            f"--model_base_path={base}",
            "--max_num_load_retries=0",
            "--file_system_poll_wait_seconds=0",
            "--access_log=false",
        ]
        process = standby.take(arguments, scratch, log) if command == standby.COMMAND else None
        if process is None:
            process = standby.start(
                [*command, str(os.getpid()), *arguments], cwd=scratch, stdin=subprocess.DEVNULL, stdout=output
            )
        server = Server(process, name, grpc_port, rest_port, log, time.monotonic())
        try:
            yield server
        finally:
            server.stop()
