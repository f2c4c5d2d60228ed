"""Shows a run while it goes on: live in a terminal, plain lines in a pipe."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from pipeline.node_names import RESOLVERS

if TYPE_CHECKING:
    from pipeline.node import NodeResult

PROGRESS_LOGGER = "mlpipe.progress"
PLAIN_LINE_SECONDS = 10.0
PIPE_WIDTH = 250
WIDTH = max(len(name) for name in ("ExampleValidator", "StatisticsGen"))


@dataclass
class Row:
    """One line of the display: a node, what became of it, and its last word."""

    node_id: str
    state: str
    seconds: float
    detail: str = ""

    def text(self) -> str:
        return f"{self.node_id:<{WIDTH}}  {self.state:<8}  {self.seconds:6.1f} s  {self.detail}".rstrip()


class Progress(logging.Handler):
    """An observer of a run; also takes the training's progress from the logger `mlpipe.progress`.

    Use it as a context manager, so that the live display ends with the run.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        width = None if stream.isatty() else PIPE_WIDTH
        self.console = Console(file=stream, highlight=False, soft_wrap=True, width=width)
        self.rows: list[Row] = []
        self.current: Row | None = None
        self._began = time.monotonic()
        self._last_line = 0.0
        self.live = Live(
            console=self.console, refresh_per_second=4, get_renderable=self._render, transient=True
        )

    def __enter__(self) -> Progress:
        logger = logging.getLogger(PROGRESS_LOGGER)
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        logging.getLogger(PROGRESS_LOGGER).removeHandler(self)
        self.failed()
        if self.console.is_terminal:
            self.live.stop()

    def started(self, node_id: str) -> None:
        """A node, or a piece of preparation, begins."""
        self._began = time.monotonic()
        self.current = Row(node_id, "running", 0.0)

    def finished(self, result: NodeResult) -> None:
        """A node ended well."""
        self._close(result.node_id, {"complete": "done"}.get(result.state, result.state))

    def done(self, what: str) -> None:
        """A piece of preparation ended well."""
        self._close(what, "done")

    def failed(self) -> None:
        """What runs now, if anything does, ended badly."""
        if self.current is not None:
            self._close(self.current.node_id, "failed")

    def emit(self, record: logging.LogRecord) -> None:
        """One line of training progress; one with `mlpipe_line` stays on the screen."""
        if self.current is None:
            return
        if hasattr(record, "mlpipe_line"):
            self.say(f"{self.current.node_id:<{WIDTH}}  {record.getMessage()}")
            return
        self.current.detail = record.getMessage()
        now = time.monotonic()
        if not self.console.is_terminal and now - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = now
            self.console.print(f"{self.current.node_id:<{WIDTH}}  {self.current.detail}", markup=False)

    def say(self, line: str) -> None:
        """A line above the display."""
        self.console.print(line, markup=False)

    def _close(self, node_id: str, state: str) -> None:
        detail = self.current.detail if self.current else ""
        row = Row(node_id, state, time.monotonic() - self._began, detail)
        self.current = None
        if node_id in RESOLVERS and state != "failed":
            return
        self.rows.append(row)
        style = {"failed": "red", "cached": "cyan"}.get(state)
        self.console.print(row.text(), markup=False, style=style)

    def _render(self) -> RenderableType:
        if self.current is None:
            return Group()
        row = Row(self.current.node_id, "running", time.monotonic() - self._began, self.current.detail)
        table = Table.grid(padding=(0, 1))
        table.add_row(Spinner("dots"), row.text())
        return table
