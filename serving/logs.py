"""The server's log: lines on stderr, the access log as JSON lines among them."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SECONDS_BETWEEN_WARNINGS = 60.0


class LineFormat(logging.Formatter):
    """`2026-01-31 12:00:00.123 I serving.manager: text`; access lines, which are JSON, as they are."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname).1s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return record.getMessage() if record.name == "serving.access" else super().format(record)


def configure_logs(*, access_log: bool) -> None:
    """Sends the server's own log to stderr, and quiets the libraries below it."""
    logging.raiseExceptions = False  # a full disk would cost a traceback per line, which nobody reads
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormat())
    own = logging.getLogger("serving")
    own.handlers = [handler]
    own.setLevel(logging.INFO)
    own.propagate = False
    logging.getLogger("serving.access").setLevel(logging.INFO if access_log else logging.WARNING)
    for library in ("tensorflow", "absl", "uvicorn", "asyncio", "grpc"):
        logging.getLogger(library).setLevel(logging.ERROR)


def open_closed_streams() -> None:
    """Gives a process that was started without standard streams empty ones: sockets would take their numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def give_up_unwritable_log() -> None:
    """Drops what stderr does not take, such as on a full disk; the interpreter would end with an error for it."""
    try:
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


class LoopFaults:
    """asyncio's exception handler: a lack of file descriptors, which it meets again and again, is a line now and then."""

    def __init__(self) -> None:
        self._told = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)):
            loop.default_exception_handler(context)
        elif loop.time() - self._told > SECONDS_BETWEEN_WARNINGS:
            self._told = loop.time()
            logging.getLogger("serving").error(
                "too many open files: connections have to wait; raise the limit (ulimit -n)"
            )


@contextmanager
def native_chatter_kept_back() -> Iterator[None]:
    """Holds what C++ writes to stderr inside the block: TensorFlow's import tells of CPU features and missing GPUs there,
    whatever its log level. It is shown after all when the block fails.
    """
    with suppress(OSError):
        sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
