"""Where the noise goes: all that libraries print during a run lands in the run's log file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def redirected(log: Path) -> Iterator[TextIO]:
    """Sends the process's standard output and error, those of C++ code too, to `log`.

    Yields:
      A stream on the former standard output, for what people should see.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    screen = os.fdopen(os.dup(saved_out), "w", encoding="utf-8")
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield screen
        finally:
            # On a full disk or a closed screen the streams still have to come back.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os.dup2(saved_out, 1)
            os.dup2(saved_err, 2)
            os.close(saved_out)
            os.close(saved_err)
            with suppress(OSError):
                screen.close()
