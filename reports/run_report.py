"""The report of one run: all of its sections in one file."""

from __future__ import annotations

import importlib
from pathlib import Path

from common import whole_file
from reports.page import Section, page
from reports.run_facts import Missing, RunFacts

# Module of `reports.run`, id and title of each section, in the order in which a person asks.
SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("verdict", "verdict", "Verdict"),
    ("dag", "dag", "Run"),
    ("data", "data", "Data"),
    ("schema", "schema", "Schema and Transform"),
    ("training", "training", "Training"),
    ("evaluation", "evaluation", "Evaluation"),
    ("attributions", "attributions", "Feature attributions"),
    ("trend", "trend", "Trend"),
    ("card", "card", "Model card"),
)
# Those of them that an evaluation on unseen data has: it trains nothing.
OF_EVALUATION = frozenset({"verdict", "dag", "data", "evaluation", "trend"})


def html(facts: RunFacts) -> str:
    """The report as one HTML page."""
    what = "evaluation" if facts.is_evaluation else "run"
    return page(f"{facts.pipeline} · {what} {facts.id}", sections(facts), facts.run.about)


def sections(facts: RunFacts) -> list[Section]:
    """The parts of the report; an evaluation on unseen data has those of OF_EVALUATION."""
    return [
        _section(facts, *about) for about in SECTIONS if not facts.is_evaluation or about[1] in OF_EVALUATION
    ]


def path(facts: RunFacts) -> Path:
    """Where the report is in the home."""
    return facts.home.report(facts.run.recorded_under, facts.id)


def write(facts: RunFacts, to: Path) -> None:
    """Writes the report; the file is there in full or not at all.

    Raises:
      OSError: it cannot be written.
    """
    whole_file.write_text(to, html(facts))


def _section(facts: RunFacts, module: str, section_id: str, title: str) -> Section:
    """One section; what it misses, or cannot read in a damaged artifact, is said in its place."""
    try:
        section: Section = importlib.import_module(f"reports.run.{module}").section(facts)
        return section
    except Missing as missing:
        return Section(section_id, title, empty=str(missing))
    except Exception as error:
        return Section(section_id, title, empty=f"This part cannot be made: {type(error).__name__}: {error}")
