"""Runs in flight: whether their process is there, and the last line of progress in their log."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from pipeline import lock
from pipeline.home import Home
from reports.ui.index import Row

# A log grows to megabytes; progress is at its end.
_TAIL = 65536
# As the logger of trainings writes it.
_PROGRESS = re.compile(r"INFO:mlpipe\.progress:(.*)")
_GONE = "recorded as running, but no process of this machine works on it"


def as_seen(home: Home, row: Row) -> Row:
    """A run as it is: one that is recorded as running, and whose process is gone, was interrupted.

    A run that goes node by node needs no process between two nodes, and one of another home has its locks there.
    """
    if row.state != "running" or row.by_node or not _is_of(home, row):
        return row
    holder = lock.holder(home, row.recorded_under)
    # One that holds the lock and has not written its name may be this run.
    if holder is not None and holder.run_id in (row.id, ""):
        return row
    return replace(row, state="interrupted", reason=_GONE)


def last_progress(home: Home, recorded_under: str, run_id: str) -> str:
    """The last line of progress that a training or tuning has logged, empty when there is none."""
    try:
        with home.log(recorded_under, run_id).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            found = _PROGRESS.findall(file.read().decode("utf-8", "replace"))
    except (OSError, ValueError):
        return ""
    return str(found[-1]).strip() if found else ""


def _is_of(home: Home, row: Row) -> bool:
    identity = home.root / "identity"
    return not row.home or not identity.is_file() or row.home == identity.read_text(encoding="utf-8")
