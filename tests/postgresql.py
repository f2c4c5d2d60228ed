"""A PostgreSQL of the tests' own, on a free port of this machine, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "hush-7d0f"
USER = "mlpipe"
_PATIENCE = 60


@dataclass
class PostgreSQL:
    """A server with the database `meta`; it wants the password of its user (scram-sha-256)."""

    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    user: dict[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/meta"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self.user,
            )
        deadline = time.monotonic() + _PATIENCE
        while self.call("pg_isready", "-q").returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """A fast shutdown: connections are cut off."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    def call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's programs against this server."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        return subprocess.run(
            [self.binaries / program, *where, *arguments], capture_output=True, text=True, env=environment
        )


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running server; the test is skipped where there are no binaries, or nobody whom it may run as."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="mlpipe_postgresql_"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        # It refuses to run as root.
        other = pwd.getpwnam(next((name for name in ("postgres", "nobody") if _is_user(name)), "nobody"))
        user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
        os.chown(folder, other.pw_uid, other.pw_gid)
    server = PostgreSQL(binaries, folder, _free_port(), user=user)
    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        initialise = ["--auth=scram-sha-256", "--pwfile=password", "--no-sync", "--encoding=UTF8"]
        subprocess.run(
            [binaries / "initdb", "-D", "data", "-U", USER, *initialise],
            cwd=folder,
            check=True,
            capture_output=True,
            **user,
        )
        server.start()
        assert server.call("createdb", "meta").returncode == 0
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and not on_path:
        pytest.skip("no PostgreSQL on this machine (Debian: apt install postgresql)")
    return found[-1].parent if found else Path(str(on_path)).parent


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
