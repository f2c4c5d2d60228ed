"""How long single answers take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

CALLS = 200
SECONDS = 5.0
WARM_UP = 5


def milliseconds(
    ask: Callable[[Mapping[str, np.ndarray]], Any], rows: Mapping[str, np.ndarray]
) -> list[float]:
    """Times of CALLS questions of one row each, or of as many as SECONDS allow; rows are asked about in turn."""
    count = len(next(iter(rows.values())))
    singles = [{name: values[row : row + 1] for name, values in rows.items()} for row in range(count)]
    for call in range(WARM_UP):
        ask(singles[call % count])
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < CALLS and time.perf_counter() < end:
        began = time.perf_counter()
        ask(singles[len(times) % count])
        times.append((time.perf_counter() - began) * 1000)
    return times
