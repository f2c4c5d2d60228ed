"""What an evaluation left of the mistakes, in one line; without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.evaluator.constants import CONFUSION, MISTAKES, MISTAKES_FILE


def mistakes(evaluation: Path) -> str | None:
    """How many predictions are wrong, what is taken for what most often, and where the worst are; None if not kept."""
    confusion, kept = _read(evaluation / CONFUSION), _read(evaluation / MISTAKES / MISTAKES_FILE)
    if confusion is None:
        return _residuals(kept, evaluation / MISTAKES) if kept else None
    wrong = {
        (true, predicted): count
        for true, row in enumerate(confusion["counts"])
        for predicted, count in enumerate(row)
        if true != predicted and count
    }
    unknown = sum(confusion["unknown"])
    examples = sum(map(sum, confusion["counts"])) + unknown
    parts = [f"{sum(wrong.values()) + unknown:,} of {examples:,} predictions are wrong"]
    if wrong:
        pair = max(wrong, key=lambda pair: wrong[pair])
        true, predicted = (confusion["classes"][index] for index in pair)
        parts.append(f"most often {true} is taken for {predicted} ({wrong[pair]:,})")
    if unknown:
        parts.append(f"{unknown:,} have a label that the model does not know")
    if kept:
        parts.append(f"the {len(kept)} most confident: {evaluation / MISTAKES}")
    return "; ".join(parts)


def _residuals(kept: list[dict[str, Any]], folder: Path) -> str:
    worst = {row["output"]: row for row in kept if row["rank"] == 1}
    named = ", ".join(f"{output} {row['residual']:+.4g}" for output, row in worst.items())
    return f"largest residuals: {named}; the {len(kept)} largest: {folder}"


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
