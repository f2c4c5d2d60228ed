"""text_report.json beside the examples: what there was, what was left out, lengths and vocabulary; and the gate on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPORT = "text_report.json"
HELD_OUT = "eval"
_SHOWN = 3


def read(folder: Path) -> dict[str, Any] | None:
    """The report of an Examples artifact; None where the examples are no texts."""
    path = folder / REPORT
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def gate_failure(report: Mapping[str, Any]) -> str | None:
    """What is wrong if more words of the eval split are new than `data.max_oov` allows."""
    bound = report["max_oov"]
    for text, section in report["columns"].items():
        unknown = section["out_of_vocabulary"].get(HELD_OUT)
        if bound is not None and unknown is not None and unknown["words"] > bound:
            shown = ", ".join(map(repr, unknown["examples"][:_SHOWN]))
            return (
                f"{unknown['words']:.1%} of the words of {text} in {HELD_OUT} are not in train, data.max_oov is"
                f" {bound:.1%}; for example {shown}"
            )
    return None


def line(report: Mapping[str, Any]) -> str:
    """All counts in one line: `33,663 texts; 530 duplicates dropped, 12 empty left out`."""
    actions = {
        "duplicates": f"duplicates {'dropped' if report['duplicates_are'] == 'drop' else 'kept'}",
        "contradicting": "with contradicting labels "
        + ("left out" if report["contradicting_are"] == "drop" else "kept"),
        "empty": "empty left out",
        "long": f"over-long {'cut' if report['long_are'] == 'cut' else 'left out'}",
    }
    told = [f"{report[name]:,} {what}" for name, what in actions.items() if report[name]]
    splits = ", ".join(f"{name} {count:,}" for name, count in report["examples"].items())
    return f"{report['texts']:,} texts; {', '.join(told) or 'no duplicates'}; {splits}"
