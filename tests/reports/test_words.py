from __future__ import annotations

from typing import Any

import pytest

from reports import words


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (0.97123456, "0.9712"),
        (0.0, "0"),
        (43.92193, "43.92"),
        (4201.754, "4,202"),
        (15002, "15,002"),
        (0.000012345, "1.234e-05"),
        (-0.5, "-0.5000"),
        (0.05, "0.0500"),
        (0.0021424, "0.00214"),
        (float("nan"), "not a number"),
        (float("inf"), "inf"),
        (True, "True"),
        ("relu", "relu"),
    ],
)
def test_numbers(value: Any, written: str) -> None:
    assert words.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, ""), (0.123, "0.12 s"), (9.84, "9.8 s"), (245, "4 min 5 s"), (7500, "2 h 5 min")],
)
def test_seconds(value: float | None, written: str) -> None:
    assert words.seconds(value) == written


def test_sizes_moments_and_fingerprints() -> None:
    assert words.size(15200) == "15.2 kB"
    assert words.moment("2026-11-23T18:48:10+00:00") == "2026-11-23 18:48"
    assert words.moment("once") == "once"
    assert words.short("sha256:" + "ab" * 32) == "abababababab"
