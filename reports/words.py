"""How numbers, times and fingerprints are written; an empty text where there is none."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

_DIGEST_SHOWN = 12


def number(value: Any, digits: int = 4) -> str:
    """A number to so many significant digits, a small one to three, a whole one in full.

    NaN is `not a number`; what is no number stays as it is.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    if math.isnan(value):
        return "not a number"
    if isinstance(value, int) or math.isinf(value):
        return f"{value:,}"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    power = math.floor(math.log10(abs(value))) if value else digits
    # Small numbers do not need all their digits, but three.
    decimals = min(digits - 1 - power, max(digits, 2 - power))
    return f"{value:,.{max(0, decimals)}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as `97.1 %`."""
    return "" if share is None else f"{share * 100:.{digits}f} %"


def count(value: int | None) -> str:
    """A whole number with its thousands apart."""
    return "" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """`0.12 s`, `9.8 s`, `4 min 5 s`, `2 h 5 min`."""
    if value is None:
        return ""
    if value < 99.5:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def size(count: float | None) -> str:
    """Bytes in the unit that reads best, thousands apart."""
    if count is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def moment(text: str) -> str:
    """An ISO 8601 time as `2026-11-23 18:48`; what is no time as it is."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def short(digest: str | None) -> str:
    """The start of a sha256 fingerprint."""
    return (digest or "").removeprefix("sha256:")[:_DIGEST_SHOWN]
