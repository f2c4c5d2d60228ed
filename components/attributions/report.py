"""The figures of attributions, as they stand in attributions.json; imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.attributions.constants import OVERALL, REPORT

Report = Mapping[str, Any]


def write(folder: Path, report: Report) -> None:
    """Writes the report into the folder of FeatureAttributions."""
    (folder / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The report in the folder of FeatureAttributions."""
    found: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return found


def shares(report: Report, method: str) -> dict[tuple[str, str], float]:
    """(output, feature) -> its share overall, by the method `gradients` or `permutation`; empty where there are none."""
    found = report.get(method) or {"rows": []}
    return {
        (row["output"], row["feature"]): row["share"]
        for row in found["rows"]
        if row["slice"] == OVERALL and row["share"] is not None
    }


def drift(report: Report, former: Report | None) -> dict[str, Any] | None:
    """How the shares have changed since the last blessed model; None where they cannot be compared.

    By gradients where both have them, else by permutation. A feature that only one of the models has counts as one of
    share 0 in the other.

    Returns:
      {method, rows: [{output, feature, share, former, change}], the largest change first}.
    """
    if former is None:
        return None
    for method in ("gradients", "permutation"):
        now, before = shares(report, method), shares(former, method)
        if now and before:
            rows = [
                {
                    "output": output,
                    "feature": feature,
                    "share": now.get((output, feature), 0.0),
                    "former": before.get((output, feature), 0.0),
                    "change": now.get((output, feature), 0.0) - before.get((output, feature), 0.0),
                }
                for output, feature in sorted({*now, *before})
            ]
            return {"method": method, "rows": sorted(rows, key=lambda row: -abs(row["change"]))}
    return None


def gate_failure(report: Report) -> str | None:
    """What the gate on drift says; None when the run may go on."""
    found, most = report.get("drift"), report["max_drift"]
    if most is None or not found:
        return None
    beyond = [row for row in found["rows"] if abs(row["change"]) > most]
    if not beyond:
        return None
    row = beyond[0]
    output = f"{row['output']}: " if row["output"] else ""
    more = f" (and {len(beyond) - 1} more)" if len(beyond) > 1 else ""
    return (
        f"{output}{row['feature']} has {row['share']:.1%} of the attributions by {found['method']}, the last blessed model"
        f" {row['former']:.1%} (attributions.drift: {most:g}){more}"
    )


def summary(report: Report) -> str:
    """The features of most importance in words for one line."""
    parts = []
    for method in ("permutation", "gradients"):
        found = shares(report, method)
        best = sorted(found, key=lambda key: -found[key])[:3]
        if best:
            named = ", ".join(f"{feature} {found[output, feature]:.0%}" for output, feature in best)
            parts.append(f"by {method} {named}")
    return "; ".join(parts) or "none"
