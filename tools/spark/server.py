"""Beam's job server for Spark, with a Spark in the same process."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput
from tools.flink import cluster

POM = Path(__file__).with_name("pom.xml")
_PATIENCE = 120


@dataclass(frozen=True)
class Server:
    """Where it listens, and its log."""

    job_endpoint: str
    log: Path
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise BadInput when it has ended."""
        if self.process.poll() is not None:
            raise BadInput(f"the job server has ended, its log: {self.log}")


@contextmanager
def running(
    jars: Path, folder: Path, *, job_port: int = 0, cores: int = 2, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A job server whose Spark runs on `cores` threads of it, until the block ends.

    Port 0 takes a free one. The log goes to the folder, which is made anew; workers get the environment `env`
    (default: this process's).

    Raises:
      BadInput: the port is taken, or it does not come up.
    """
    port = cluster.free_port(job_port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = [
        *("-Xmx1g", "org.apache.beam.runners.spark.SparkJobServerDriver"),
        *(f"--spark-master-url=local[{cores}]", "--artifacts-dir", str(folder / "artifacts")),
        *(
            "--job-host",
            "localhost",
            "--job-port",
            str(port),
            "--artifact-port",
            "0",
            "--expansion-port",
            "0",
        ),
    ]
    log = folder / "job-server.log"
    process = cluster.java(jars, log, words, {**(env or os.environ), "SPARK_LOCAL_IP": "127.0.0.1"})
    server = Server(f"localhost:{port}", log, process)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not cluster.listens("localhost", port):
            server.check()
            if time.monotonic() > deadline:
                raise BadInput(f"the job server did not come up in {_PATIENCE} s, its log: {log}")
            time.sleep(0.2)
        yield server
    finally:
        cluster.stop([process])
