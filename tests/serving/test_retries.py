"""Requests are sent again while the server is unavailable, and never beyond their deadline."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

from serving import retries
from serving.client_types import RequestFailed
from serving.retries import until_available

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Clock:
    """Time goes by while one sleeps, and only then."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retries, "time", clock)
    return clock


def failing(times: int, code: grpc.StatusCode = UNAVAILABLE) -> tuple[list[float], Callable[[float], str]]:
    """The seconds left at each attempt, and an attempt that answers after so many failures."""
    calls: list[float] = []

    def attempt(seconds: float) -> str:
        calls.append(seconds)
        if len(calls) <= times:
            raise RequestFailed(code, f"failure {len(calls)}")
        return "answer"

    return calls, attempt


def test_an_unavailable_server_is_asked_again() -> None:
    calls, attempt = failing(2)
    assert until_available(attempt, timeout=10, attempts=3) == "answer"
    assert len(calls) == 3
    assert calls[0] == 10
    assert 0.05 <= calls[0] - calls[1] <= 0.1
    assert 0.1 <= calls[1] - calls[2] <= 0.2


def test_the_last_attempt_tells_its_error() -> None:
    calls, attempt = failing(9)
    with pytest.raises(RequestFailed, match=r"^UNAVAILABLE: failure 3$"):
        until_available(attempt, timeout=10, attempts=3)
    assert len(calls) == 3


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
    ],
)
def test_other_errors_are_final(code: grpc.StatusCode) -> None:
    calls, attempt = failing(1, code)
    with pytest.raises(RequestFailed, match=f"^{code.name}: failure 1$"):
        until_available(attempt, timeout=10, attempts=5)
    assert len(calls) == 1


def test_no_pause_reaches_beyond_the_deadline(clock: Clock) -> None:
    calls, attempt = failing(100)
    with pytest.raises(RequestFailed):
        until_available(attempt, timeout=0.5, attempts=100)
    assert clock.now < 0.5
    assert 2 <= len(calls) <= 6


def test_no_attempt_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="attempts=0"):
        until_available(lambda seconds: None, timeout=1, attempts=0)
