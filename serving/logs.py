"""The server's log: lines on stderr, the access log as JSON lines among them."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


class LineFormat(logging.Formatter):
    """`2026-01-31 12:00:00.123 I serving.manager: text`; access lines, which are JSON, as they are."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname).1s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return record.getMessage() if record.name == "serving.access" else super().format(record)


def configure_logs(*, access_log: bool) -> None:
    """Sends the server's own log to stderr, and quiets the libraries below it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormat())
    own = logging.getLogger("serving")
    own.handlers = [handler]
    own.setLevel(logging.INFO)
    own.propagate = False
    logging.getLogger("serving.access").setLevel(logging.INFO if access_log else logging.WARNING)
    for library in ("tensorflow", "absl", "uvicorn", "asyncio", "grpc"):
        logging.getLogger(library).setLevel(logging.ERROR)


@contextmanager
def native_chatter_kept_back() -> Iterator[None]:
    """Holds what C++ writes to stderr inside the block: TensorFlow's import tells of CPU features and missing GPUs there,
    whatever its log level. It is shown after all when the block fails.
    """
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
