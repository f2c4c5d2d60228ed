"""An answer, wherever it came from, and the protocols over which the server gives one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

REST = "REST"
GRPC = "gRPC"

Answer = Mapping[str, np.ndarray]
"""Outputs by name, [rows, ...]; to classify gives `classes` and `scores` [rows, K], to regress `outputs` [rows]."""


def one_line(text: str, most: int = 300) -> str:
    """The first line of a message that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else "")[:most]
