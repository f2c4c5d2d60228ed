"""An evaluation on unseen data: which model it asked about which data, how that came out, and which columns moved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from components.example_validator.constants import DRIFT, NOTABLE, TIMES_CHANCE
from pipeline import facts as artifact_facts
from pipeline import lineage
from reports.run_facts import RunFacts

# What the only split of unseen data is called where people read it.
SPLIT = "new data"


@dataclass(frozen=True)
class Subject:
    """model: its artifact, None where none was recorded; trained_by: the run that made it, or empty; files: of the data;
    notes: what was said when the evaluation began.
    """

    model: int | None
    trained_by: str
    files: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True)
class Moved:
    """A column beside the same column of the training (docs/evaluate-new-data.md); bound and by_chance may be None."""

    column: str
    divergence: float
    bound: float | None
    moved: float
    by_chance: float | None
    drifted: bool

    @property
    def style(self) -> str:
        """How a drift is shown: beyond a bound it is in the verdict, else a remark."""
        return "warn" if self.bound is None else "bad"


def subject(facts: RunFacts) -> Subject:
    """What the evaluation is of."""
    examples = facts.outputs("ExampleGen", "examples")
    files = artifact_facts.described(examples[0])["files"] if examples else []
    run = facts.run
    return Subject(run.model, _trained_by(facts), [str(row.get("file")) for row in files], run.notes)


def _trained_by(facts: RunFacts) -> str:
    if facts.run.model is None:
        return ""
    try:
        maker = lineage.maker(facts.store, facts.run.model)
    except UserError:
        return ""
    return maker.run if maker else ""


def headline(facts: RunFacts) -> tuple[str, str]:
    """(style, sentence): what came of it."""
    return {
        "running": ("warn", "The evaluation goes on."),
        "succeeded": ("ok", "All bounds hold on the new data."),
        "gate_failed": ("bad", "The verdict is against it."),
        "interrupted": ("warn", "No verdict: the evaluation was interrupted."),
    }.get(facts.run.state, ("bad", "No verdict: the evaluation failed."))


def drift(folder: Path) -> list[Moved]:
    """The columns of an ExampleAnomalies artifact in the order of its file; none where none was compared or can be read."""
    try:
        return [_moved(row) for row in json.loads((folder / DRIFT).read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def drift_in_words(rows: Sequence[Moved]) -> str:
    """How many of the columns drifted, and what counts as that."""
    unbounded = ""
    if any(row.bound is None for row in rows):
        unbounded = f"; where no bound is set, those that moved more than {NOTABLE:g}, and {TIMES_CHANCE:g} times as much as by chance"
    return f"{sum(row.drifted for row in rows)} of {len(rows)} columns drifted{unbounded}"


def _moved(row: Mapping[str, Any]) -> Moved:
    number = {key: None if row[key] is None else float(row[key]) for key in ("bound", "by_chance")}
    return Moved(
        str(row["column"]),
        float(row["divergence"]),
        number["bound"],
        float(row["moved"]),
        number["by_chance"],
        bool(row["drifted"]),
    )
