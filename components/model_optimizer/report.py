"""The figures of all forms, as they stand in optimized.json; imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from components.model_optimizer.constants import REPORT

Report = Mapping[str, Any]


def write(folder: Path, report: Report) -> None:
    """Writes the report into the folder of an EdgeModel."""
    (folder / REPORT).write_text(json.dumps(report, indent=1))


def read(folder: Path) -> dict[str, Any]:
    """The report in the folder of an EdgeModel."""
    return json.loads((folder / REPORT).read_text())


def left_out(report: Report) -> list[str]:
    """One line for each form that is not pushed, with its figure or why there is none."""
    reasons: dict[str, list[str]] = {}
    for form, found in report["forms"].items():
        if not found["kept"]:
            reasons.setdefault(found["reason"], []).append(form)
    return [f"{', '.join(forms)}: {reason}" for reason, forms in reasons.items()]


def gate_failure(report: Report) -> str | None:
    """What the gate says where it is to fail: the first form that is not pushed; None when the run may go on."""
    lines = left_out(report)
    if report["gate"] != "fail" or not lines:
        return None
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")


def summary(report: Report) -> str:
    """`float32, float16 of 4 forms kept` in words for one line."""
    kept = [form for form, found in report["forms"].items() if found["kept"]]
    return f"{', '.join(kept) or 'none'} of {len(report['forms'])} forms"


def table(report: Report) -> Table:
    """The original and its forms: size, figures on the eval split, what they lose, latency of one example."""
    columns = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns.add_column("form", no_wrap=True)
    labels = list(report["original"]["values"])
    metric = report["metric"]
    names = [metric] if len(labels) == 1 else [f"{label} {metric}" for label in labels]
    for name in ("size", *names, "loss", "p50", "p99"):
        columns.add_column(escape(name), justify="right", no_wrap=True)
    columns.add_column("")
    columns.add_row("original", *_figures(report["original"], labels), "")
    for form, found in report["forms"].items():
        if found["bytes"] is not None:
            verdict = "ok" if found["kept"] else "NOT pushed"
            if found["float_ops"]:
                verdict += f"; in 32 bits: {', '.join(found['float_ops'])}"
            columns.add_row(form, *_figures(found, labels), verdict, style=None if found["kept"] else "red")
    return columns


def _figures(found: Mapping[str, Any], labels: list[str]) -> list[str]:
    latency = found["latency_ms"]
    return [
        size(found["bytes"]),
        *(_number(found["values"].get(label)) for label in labels),
        _number(found.get("loss")),
        *("" if latency[name] is None else f"{latency[name]:.3g} ms" for name in ("p50", "p99")),
    ]


def size(count: int) -> str:
    """Bytes in KB or MB (10^3, 10^6)."""
    return f"{count / 1e6:,.2f} MB" if count >= 1_000_000 else f"{count / 1e3:,.1f} KB"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
