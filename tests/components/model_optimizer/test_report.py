"""The table and the lines of a report."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from components.model_optimizer import report


def form(**changes: Any) -> dict[str, Any]:
    return {
        "bytes": 1_234_567,
        "latency_ms": {"p50": 1.5, "p99": 2.25, "requests": 200},
        "float_ops": [],
        "values": {"label": 0.91},
        "loss": 0.01,
        "kept": True,
        "reason": None,
        **changes,
    }


def made(gate: str = "warn", **forms: dict[str, Any]) -> dict[str, Any]:
    original = {
        "bytes": 4_000_000,
        "values": {"label": 0.92},
        "latency_ms": {"p50": None, "p99": None, "requests": 0},
    }
    return {"metric": "accuracy", "gate": gate, "original": original, "forms": forms}


LOSES = form(
    kept=False,
    float_ops=["DIV", "POW"],
    loss=0.2,
    values={"label": 0.72},
    reason="accuracy 0.7200 is 0.2000 worse",
)
NOT_MADE = form(
    kept=False,
    bytes=None,
    loss=None,
    values={},
    latency_ms={"p50": None, "p99": None, "requests": 0},
    reason="no op",
)


def test_the_table() -> None:
    console = Console(width=100, record=True)
    console.print(report.table(made(float32=form(), int8=LOSES, float16=NOT_MADE)))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines == [
        ["form", "size", "accuracy", "loss", "p50", "p99"],
        ["original", "4.00", "MB", "0.9200"],
        ["float32", "1.23", "MB", "0.9100", "0.0100", "1.5", "ms", "2.25", "ms", "ok"],
        [
            "int8",
            "1.23",
            "MB",
            "0.7200",
            "0.2000",
            "1.5",
            "ms",
            "2.25",
            "ms",
            "NOT",
            "pushed;",
            "in",
            "32",
            "bits:",
            "DIV,",
            "POW",
        ],
    ]


def test_the_same_reason_is_told_once() -> None:
    found = made(float32=NOT_MADE, float16=NOT_MADE, int8=LOSES)
    assert report.left_out(found) == ["float32, float16: no op", "int8: accuracy 0.7200 is 0.2000 worse"]
    assert report.summary(found) == "none of 3 forms"


def test_the_gate() -> None:
    assert report.gate_failure(made("warn", int8=LOSES)) is None
    assert report.gate_failure(made("fail", float32=form())) is None
    assert report.gate_failure(made("fail", float32=NOT_MADE, int8=LOSES)) == "float32: no op (and 1 more)"


def test_sizes() -> None:
    assert [report.size(n) for n in (999, 52_300, 1_000_000)] == ["1.0 KB", "52.3 KB", "1.00 MB"]
