"""What the examples say about their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from components.model_optimizer.obstacle import Obstacle

UNSEEN = -1
MISSING = -2


def classes(batch: pa.RecordBatch, label: str, names: Sequence[str]) -> np.ndarray:
    """Class indices, int64 [rows]: UNSEEN for a class that is none of `names`, MISSING without a label."""
    index = {name: i for i, name in enumerate(names)}
    return np.array(
        [MISSING if v is None else index.get(_name(v), UNSEEN) for v in _values(batch, label)], np.int64
    )


def numbers(batch: pa.RecordBatch, label: str) -> np.ndarray:
    """Values, float64 [rows]; NaN without a label."""
    values = _values(batch, label)
    if any(isinstance(value, bytes) for value in values):
        raise Obstacle(f"label {label} holds text, regression needs numbers")
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _values(batch: pa.RecordBatch, label: str) -> list[Any]:
    if label not in batch.schema.names:
        return [None] * batch.num_rows
    return [values[0] if values else None for values in batch.column(label).to_pylist()]


def _name(value: bytes | float) -> str:
    """A class as the trainer modules name it: a whole number without a point."""
    return value.decode(errors="replace") if isinstance(value, bytes) else f"{value:.0f}"
