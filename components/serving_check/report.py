"""The figures of a check, as they stand in serving_check.json; imports nothing heavy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.serving_check.constants import REPORT

Report = Mapping[str, Any]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None when there are none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def latency(milliseconds: Sequence[float]) -> dict[str, Any]:
    """p50 and p99 in milliseconds, and over how many requests."""
    rounded = {
        name: None if value is None else round(value, 3)
        for name, value in (("p50", quantile(milliseconds, 0.5)), ("p99", quantile(milliseconds, 0.99)))
    }
    return {**rounded, "requests": len(milliseconds)}


def beyond_bounds(
    latencies: Mapping[str, Mapping[str, Any]],
    memory_mb: float | None,
    max_p99_ms: float | None,
    max_memory_mb: float | None,
) -> list[str]:
    """One line for each bound that does not hold; `latencies` by protocol."""
    lines = [
        f"p99 over {protocol} is {found['p99']:.1f} ms, more than max_p99_ms: {max_p99_ms:g}"
        for protocol, found in latencies.items()
        if max_p99_ms is not None and found["p99"] is not None and found["p99"] > max_p99_ms
    ]
    if max_memory_mb is not None and memory_mb is not None and memory_mb > max_memory_mb:
        lines.append(f"the server took {memory_mb:.0f} MB, more than max_memory_mb: {max_memory_mb:g}")
    return lines


def summary(report: Report) -> str:
    """`passed: 3 signatures, REST and gRPC, p99 3.1 ms, 412 MB`, or what failed."""
    if not report["blessed"]:
        return f"FAILED: {short(report['failures'])}"
    count = len(report["signatures"])
    asked = {name: found["p99"] for name, found in report["latency_ms"].items() if found["p99"] is not None}
    parts = [f"{count} signature{'' if count == 1 else 's'}", " and ".join(asked)]
    parts.append(f"p99 {max(asked.values()):.1f} ms")
    if report["memory_mb"] is not None:
        parts.append(f"{report['memory_mb']:.0f} MB")
    left_out = report["not_checked"]
    return f"passed: {', '.join(parts)}" + (f"; not checked: {', '.join(left_out)}" if left_out else "")


def short(failures: Sequence[str]) -> str:
    """The first failure, and how many more there are."""
    first = failures[0] if failures else "no reason was recorded"
    return first + (f" (and {len(failures) - 1} more)" if len(failures) > 1 else "")


def write(folder: Path, report: Report) -> None:
    """Writes the report into the folder of an InfraBlessing."""
    (folder / REPORT).write_text(json.dumps(report, indent=1))


def read(folder: Path) -> dict[str, Any] | None:
    """The report in the folder of an InfraBlessing; None when TFX's InfraValidator made it."""
    file = folder / REPORT
    return json.loads(file.read_text()) if file.is_file() else None
