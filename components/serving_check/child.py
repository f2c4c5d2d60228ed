"""Runs the model server as a child that ends with its parent, however the parent ends.

`python -m components.serving_check.child PARENT --port=... ` is `python -m serving.server --port=...` otherwise. Without
flags it imports what the server needs, and then is told flags, folder and log as a line of JSON on standard input.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGKILL when the parent dies (prctl(2)), then runs the server in this process."""
    parent = int(sys.argv.pop(1))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(f"the process {parent} that started the server is gone")
    # The server runs graphs. TensorFlow imports Keras where there is one, which takes 40 % of the time to start;
    # TensorFlow Text wants one, and is content with the old one.
    sys.modules["keras"] = None  # type: ignore[assignment]
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    if not sys.argv[1:]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        importlib.import_module("serving.assembly")
        sys.argv += _told()
    runpy.run_module("serving.server", run_name="__main__", alter_sys=True)


def _told() -> list[str]:
    """The server's flags; ends the process where the parent has no use for it any more."""
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    told = json.loads(line)
    os.chdir(told["folder"])
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    return list(told["arguments"])


if __name__ == "__main__":
    main()
