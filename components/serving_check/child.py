"""Runs the model server as a child that ends with its parent, however the parent ends.

`python -m components.serving_check.child PARENT --port=... ` is `python -m serving.server --port=...` otherwise.
"""

from __future__ import annotations

import ctypes
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
    # The server runs graphs. TensorFlow imports Keras where there is one, which takes 40 % of the time to start.
    sys.modules["keras"] = None  # type: ignore[assignment]
    runpy.run_module("serving.server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
