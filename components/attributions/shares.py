"""What a feature's importance is of that of all features together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any


def with_shares(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `share`, 0 to 1, of the importances in their slice and output; what is below 0 counts as 0.

    The share is None where no feature is of importance. Rows are sorted by slice as they come, output, and importance.
    """
    whole: dict[tuple[str, str], float] = defaultdict(float)
    slices = {row["slice"]: place for place, row in reversed([*enumerate(rows)])}
    for row in rows:
        whole[row["slice"], row["output"]] += max(row["importance"], 0.0)
    found = []
    for row in rows:
        total = whole[row["slice"], row["output"]]
        found.append({**row, "share": max(row["importance"], 0.0) / total if total > 0 else None})
    return sorted(
        found, key=lambda row: (slices[row["slice"]], row["output"], -row["importance"], row["feature"])
    )
