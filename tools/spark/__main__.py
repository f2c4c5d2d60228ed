"""`python -m tools.spark`: fetches the jars, starts the job server, and keeps it running until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from common.errors import BadInput
from tools.bootstrap import ROOT, say
from tools.flink import jars
from tools.spark import server

STATE = ".cache/spark/server"
JOB_PORT = 8099


def start(root: Path, job_port: int) -> None:
    """Run a job server.

    Raises:
      BadInput: no Java, no jars, the port is taken, or it ended.
    """
    found = jars.ensure(root, server.POM)
    with server.running(found, root / STATE / str(job_port), job_port=job_port) as spark:
        say(f"Beam's job server for Spark runs; log: {spark.log}; Ctrl-C ends it. A run on it:")
        say(f"mlpipe run taxi --set beam.engine=spark --set beam.job_endpoint={spark.job_endpoint}")
        while True:
            time.sleep(1)
            spark.check()


def main() -> int:
    """Exit code: 0, or another after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="tools.spark", description=__doc__)
    parser.add_argument("command", choices=["start"])
    parser.add_argument("--job-port", type=int, default=JOB_PORT, help="of Beam's job server")
    given = parser.parse_args()
    # A kill ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        start(ROOT, given.job_port)
    except BadInput as error:
        say(f"no Spark: {error}")
        return error.exit_code
    except OSError as error:
        say(f"no Spark: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
