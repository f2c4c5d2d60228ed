"""A MariaDB of the tests' own, on a free port of this machine, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "hush-5e21"
USER = "mlpipe"
_PATIENCE = 60
_SET_UP = f"""
CREATE DATABASE meta;
CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON meta.* TO {USER}@'%';
DROP USER IF EXISTS ''@localhost;
"""


@dataclass
class MariaDB:
    """A server with the database `meta`; it wants the password of its user (mysql_native_password)."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"mysql://{USER}@127.0.0.1:{self.port}/meta"

    def start(self) -> None:
        command = [
            _binary("mariadbd"),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
            *_AS_ROOT,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _PATIENCE
        while self.sql("SELECT 1").returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def sql(self, text: str) -> subprocess.CompletedProcess[str]:
        """What the administrator is answered."""
        client = [_binary("mariadb"), "--no-defaults", f"--socket={self.folder / 'socket'}", "--user=root"]
        return subprocess.run(client, input=text, capture_output=True, text=True)


# It refuses to run as root unless it is told to.
_AS_ROOT = ["--user=root"] if os.geteuid() == 0 else []


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """A running server; the test is skipped where there are no binaries."""
    install = _binary("mariadb-install-db")
    folder = Path(tempfile.mkdtemp(prefix="mlpipe_mariadb_"))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        server = MariaDB(folder, one.getsockname()[1])
    try:
        command = [
            install,
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
        ]
        subprocess.run([*command, "--skip-test-db", *_AS_ROOT], check=True, capture_output=True, cwd=folder)
        server.start()
        done = server.sql(_SET_UP)
        assert done.returncode == 0, done.stderr
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.skip("no MariaDB on this machine (Debian: apt install mariadb-server)")
    return found
