"""`python -m tools.flink`: fetches the jars, starts the cluster, and keeps it running until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from common.errors import BadInput
from tools.bootstrap import ROOT, say
from tools.flink import cluster, jars

STATE = ".cache/flink/cluster"
PORT = 8081
JOB_PORT = 8099


def start(root: Path, port: int, job_port: int) -> None:
    """Run a cluster with two task managers; one that ends is started again.

    Raises:
      BadInput: no Java, no jars, a port is taken, or a server ended.
    """
    found = jars.ensure(root)
    say("starting a job manager, two task managers and Beam's job server")
    with cluster.running(found, root / STATE / str(port), port=port, job_port=job_port) as flink:
        say(f"Flink's page: http://{flink.master}; logs: {flink.folder}; Ctrl-C ends it. A run on it:")
        say(
            "mlpipe run taxi --set beam.engine=flink --set beam.parallelism=2"
            f" --set beam.job_endpoint={flink.job_endpoint} --set beam.flink_master={flink.master}"
        )
        while True:
            time.sleep(1)
            if flink.revive():
                say("a task manager had ended, another one takes its place")


def main() -> int:
    """Exit code: 0, or another after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="tools.flink", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("jars")
    starting = commands.add_parser("start")
    starting.add_argument("--port", type=int, default=PORT, help="of Flink's page")
    starting.add_argument("--job-port", type=int, default=JOB_PORT, help="of Beam's job server")
    given = parser.parse_args()
    # A kill ends the cluster as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if given.command == "jars":
            print(jars.ensure(ROOT))
        else:
            start(ROOT, given.port, given.job_port)
    except BadInput as error:
        say(f"no Flink: {error}")
        return error.exit_code
    except OSError as error:
        say(f"no Flink: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
