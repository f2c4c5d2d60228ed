"""A request is sent again while the server is unavailable, and only then, as long as its deadline allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc

from serving.client_types import RequestFailed

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
SHORTEST_TIMEOUT = 0.001

T = TypeVar("T")


def until_available(attempt: Callable[[float], T], *, timeout: float, attempts: int) -> T:
    """The answer of `attempt(seconds that are left)`.

    Pauses double from a tenth of a second to two, less a random share, so that clients do not come back in step
    (exponential backoff with jitter). `timeout` in seconds holds for all attempts together.
    Raises RequestFailed: at once for every code but UNAVAILABLE, else after the last attempt that fits.
    """
    end = time.monotonic() + timeout
    for number in range(attempts):
        try:
            return attempt(max(end - time.monotonic(), SHORTEST_TIMEOUT))
        except RequestFailed as error:
            pause = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) * random.uniform(0.5, 1.0)
            is_last = number == attempts - 1 or time.monotonic() + pause >= end
            if error.code is not grpc.StatusCode.UNAVAILABLE or is_last:
                raise
        time.sleep(pause)
    raise ValueError(f"attempts={attempts}: at least one is needed")
