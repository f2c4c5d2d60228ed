"""Whether two answers are the same, and where they first differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.serving_check.answers import Answer


@dataclass(frozen=True)
class Difference:
    """Where a served answer is not the model's own; `row` is None when that is true of the output as a whole."""

    output: str
    served: str
    own: str
    row: int | None = None


def difference(served: Answer, own: Answer, tolerance: float) -> Difference | None:
    """The worst difference in the first output that differs, None when all are the same.

    Floats are the same within `tolerance`, absolute plus relative to the model's own value; NaN is the same as NaN.
    Everything else has to be equal.
    """
    for name in sorted({*served, *own}):
        if name not in served:
            return Difference(name, "missing", f"an output of shape {list(own[name].shape)}")
        if name not in own:
            return Difference(name, f"an output of shape {list(served[name].shape)}", "missing")
        found = _of_output(name, served[name], own[name], tolerance)
        if found is not None:
            return found
    return None


def _of_output(name: str, served: np.ndarray, own: np.ndarray, tolerance: float) -> Difference | None:
    if served.shape != own.shape:
        return Difference(name, f"of shape {list(served.shape)}", f"of shape {list(own.shape)}")
    if not (_is_text(served) and _is_text(own)) and served.dtype != own.dtype:
        return Difference(name, f"of type {served.dtype}", f"of type {own.dtype}")
    excess = _excess(served, own, tolerance)
    if not excess.size or excess.max() <= 0:
        return None
    place = np.unravel_index(int(np.argmax(excess)), excess.shape)
    return Difference(name, _shown(served[place]), _shown(own[place]), row=int(place[0]) if place else None)


def _excess(served: np.ndarray, own: np.ndarray, tolerance: float) -> np.ndarray:
    """How far each value is beyond what is allowed; 0 or less where it is within, infinite for NaN against a number."""
    if _is_text(own) or own.dtype.kind in "iub":
        return np.asarray(served != own, np.float64)
    kind = np.complex128 if own.dtype.kind == "c" else np.float64
    left, right = served.astype(kind), own.astype(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        beyond = np.abs(left - right) - tolerance * (1 + np.abs(right))
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    return np.where(same, 0.0, np.where(np.isfinite(left) & np.isfinite(right), beyond, np.inf))


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind in "OS"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        text = value.decode(errors="backslashreplace")
        return repr(text if len(text) <= 40 else f"{text[:40]}...")
    return f"{float(value):.9g}" if isinstance(value, np.floating) else str(value)
