"""Figures in the words of the summary and of the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.serving_check import report


def made(**changes: Any) -> dict[str, Any]:
    base = {
        "blessed": True,
        "failures": [],
        "signatures": {"serving_default": {}, "serving_examples": {}},
        "not_checked": {},
        "latency_ms": {"REST": {"p50": 2.0, "p99": 3.14}, "gRPC": {"p50": 1.0, "p99": 1.5}},
        "memory_mb": 412.4,
    }
    return {**base, **changes}


def test_a_check_that_passed() -> None:
    assert report.summary(made()) == "passed: 2 signatures, REST and gRPC, p99 3.1 ms, 412 MB"
    one = made(signatures={"serving_default": {}}, not_checked={"serving_bytes": "no image"}, memory_mb=None)
    assert report.summary(one) == (
        "passed: 1 signature, REST and gRPC, p99 3.1 ms; not checked: serving_bytes"
    )


def test_a_check_that_failed() -> None:
    failed = made(blessed=False, failures=["serving_default over REST: output y is 1, the model's own is 2"])
    assert report.summary(failed) == "FAILED: serving_default over REST: output y is 1, the model's own is 2"
    failed["failures"] += ["b", "c"]
    assert report.summary(failed).endswith("the model's own is 2 (and 2 more)")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([3.0], 0.99, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 201)), 0.99, 198)],
)
def test_quantiles_are_values_that_were_measured(
    values: list[float], share: float, expected: float | None
) -> None:
    assert report.quantile(values, share) == expected


def test_latency_tells_how_many_requests() -> None:
    assert report.latency([1.23456, 9.0]) == {"p50": 1.235, "p99": 9.0, "requests": 2}
    assert report.latency([]) == {"p50": None, "p99": None, "requests": 0}


def test_bounds() -> None:
    latencies = {"REST": report.latency([12.34]), "gRPC": report.latency([4.0])}
    assert report.beyond_bounds(latencies, 612.0, None, None) == []
    assert report.beyond_bounds(latencies, 612.0, 13.0, 612.0) == []
    assert report.beyond_bounds(latencies, 612.0, 5.0, 500.0) == [
        "p99 over REST is 12.3 ms, more than max_p99_ms: 5",
        "the server took 612 MB, more than max_memory_mb: 500",
    ]
    # What could not be measured is no failure by itself: the reason is one.
    assert report.beyond_bounds({"REST": report.latency([])}, None, 5.0, 500.0) == []


def test_written_and_read_again(tmp_path: Path) -> None:
    assert report.read(tmp_path) is None
    report.write(tmp_path, made())
    assert report.read(tmp_path) == made()
