"""Runs, their differences and what can be deleted, on the terminal; plain text without colour in a pipe."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_metadata.proto.metadata_store_pb2 import Artifact
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from common.errors import UserError
from pipeline import pushes
from pipeline.cleanup import Item
from pipeline.lock import Holder
from pipeline.runs import Run
from pipeline.wording import display

STYLES = {
    "succeeded": "green",
    "complete": "green",
    "cached": "cyan",
    "running": "yellow",
    "interrupted": "yellow",
    "failed": "red",
    "gate_failed": "red",
    "not reached": "dim",
}

# Wider than any line: in a pipe nothing is wrapped.
_PIPE_WIDTH = 2000
_SHORT = 12


def console() -> Console:
    """Standard output; text is never taken for markup."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def show(*parts: RenderableType) -> None:
    """Print parts one below the other, without blanks at the ends of lines."""
    out = console()
    if out.is_terminal:
        out.print(*parts, sep="\n")
        return
    with out.capture() as captured:
        out.print(*parts, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def runs_table(runs: Sequence[Run], pushed: Mapping[int, Artifact], makers: Mapping[int, int]) -> Table:
    """One line a run, the latest last; `pushed` is version -> PushedModel, `makers` its id -> execution."""
    versions = {makers[artifact.id]: f"v{version}" for version, artifact in pushed.items()}
    table = grid("run", "state", "started (UTC)", "took", "components", "pushed", "reason")
    for run in runs:
        reason = run.reason
        if run.about and run.about not in reason:
            reason = ": ".join(filter(None, (f"evaluation of {run.about}", reason)))
        table.add_row(
            run.id,
            state(run.state),
            moment(run.started),
            seconds(run.seconds),
            _components(run),
            versions.get(run.node("Pusher").execution_id or 0, ""),
            reason,
        )
    return table


def status(
    run: Run, holder: Holder | None, pushed: Mapping[int, Artifact], log: Path
) -> list[RenderableType]:
    """One run in full, and which of the pushed versions are served."""
    head = Text.assemble(
        f"{run.pipeline}: run {run.id} ", state(run.state), f" started {moment(run.started)} UTC"
    )
    if run.seconds is not None:
        head.append(f", took {seconds(run.seconds)}")
    if holder is not None:
        head.append(f", process {holder.pid}")
    table = grid("component", "state", "seconds")
    for node in run.nodes:
        table.add_row(node.id, state(node.state), "" if node.seconds is None else f"{node.seconds:.1f}")
    parts: list[RenderableType] = [head]
    if run.about:
        parts.append(f"evaluation of {run.about}")
    if run.reason:
        parts.append(f"reason: {run.reason}")
    parts.append(table)
    parts.append(f"served: {_served(pushed)}")
    if log.is_file():
        parts.append(f"log: {display(log)}")
    return parts


def _served(pushed: Mapping[int, Artifact]) -> str:
    try:
        found = {version: pushes.destination(push) for version, push in pushed.items()}
        there = {version: place for version, place in found.items() if pushes.is_there(place)}
    except UserError as error:
        return f"not known: {error}"
    where = there[max(there)].rpartition("/")[0] if there else ""
    return f"version {pushes.spans(there)} below {display(where)}" if there else "nothing"


def comparison(answer: Mapping[str, Any]) -> list[RenderableType]:
    """What `compare.compare` found: differences only, and how much is the same."""
    table = grid("", "what", "before", "after")
    same = []
    outcome = answer["outcome"]
    for name in ("outcome", "config", "code", "versions", "files", "statistics", "metrics"):
        part = outcome if name == "outcome" else answer[name]
        if part is None:
            continue
        for change in _grouped(part["changed"]) if name == "statistics" else part["changed"]:
            before, after = (_side(name, change, side) for side in ("before", "after"))
            key = ("." if name == "config" else " ").join(word for word in change["key"] if word)
            table.add_row(name, key, before, after)
        if name != "outcome" and part["same"]:
            same.append(f"{name} {part['same']}")
    head = f"{answer['pipeline']}: from run {answer['before']} to run {answer['after']}"
    parts: list[RenderableType] = [head, table if table.row_count else "nothing that was compared differs"]
    if same:
        parts.append(f"the same: {', '.join(same)}")
    return parts + [f"not compared: {line}" for line in answer["missing"]]


def garbage(pipeline: str, items: Iterable[Item], deleted: bool) -> list[RenderableType]:
    """What was or would be deleted, by kind, with the bytes."""
    items = list(items)
    if not items:
        return [f"{pipeline}: nothing to delete"]
    table = grid("kind", "count", "size", "for example")
    for kind, count in sorted(Counter(item.kind for item in items).items()):
        of_kind = [item for item in items if item.kind == kind]
        largest = max(of_kind, key=lambda item: item.bytes)
        table.add_row(kind, str(count), size(sum(item.bytes for item in of_kind)), display(largest.place))
    total = size(sum(item.bytes for item in items))
    return [table, f"{pipeline}: {'freed' if deleted else 'would free'} {total}"]


def grid(*columns: str) -> Table:
    """A table without lines; numbers are told by their columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        right = column in ("took", "seconds", "count", "size")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name.replace("_", " "), style=STYLES.get(name, ""))


def seconds(value: float | None) -> str:
    """`9.8 s`, `4 min 5 s`, or nothing."""
    if value is None:
        return ""
    return f"{value:.1f} s" if value < 100 else f"{value // 60:.0f} min {value % 60:.0f} s"


def size(count: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def moment(text: str) -> str:
    """An ISO 8601 time without its zone."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S") if text else ""


def number(value: Any) -> str:
    """A value in short: six digits, and the start of a fingerprint."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "none" if value is None else str(value)
    is_digest = len(text.removeprefix("sha256:")) == 64
    return text.removeprefix("sha256:")[:_SHORT] if is_digest else text


def _components(run: Run) -> str:
    counts = Counter(node.state for node in run.nodes)
    words = {
        "complete": "ran",
        "cached": "cached",
        "failed": "failed",
        "running": "running",
        "not reached": "not reached",
    }
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])


def _grouped(changes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The changed statistics of one feature of one split as one change."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for change in changes:
        *place, statistic = change["key"]
        group = found.setdefault(tuple(place), {"key": place})
        for side in ("before", "after"):
            if side in change:
                group.setdefault(side, {})[statistic] = change[side]
    return list(found.values())


def _side(name: str, change: Mapping[str, Any], side: str) -> Text:
    if side not in change:
        return Text("(none)", style="dim")
    value = change[side]
    if isinstance(value, Mapping):
        return Text(", ".join(f"{key} {_inner(item)}" for key, item in value.items()))
    if name == "metrics" and change.get(f"{side}_ok") is False:
        return Text(f"{number(value)} FAILED", style="red")
    return Text(number(value))


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {number(item)}" for key, item in value.items()) + ")"
    return number(value)
