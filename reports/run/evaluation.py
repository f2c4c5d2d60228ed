"""Where the model is right and wrong: metrics by slice, curves, the worst slices, gaps, and the worst answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluator import slice_names
from components.evaluator.constants import CALIBRATION, CONFUSION, OWN, VERDICT
from reports import answer_charts, fairness, intervals, metric_table, mistakes, predictions, worst_slices
from reports.page import Section, render
from reports.predictions import Predictions
from reports.run_facts import Missing, RunFacts

ID, TITLE = "evaluation", "Evaluation"
SAMPLES = 8
FIRST_MISTAKES = 6
FIRST_ROWS = 12
"""Slices that are shown before the others are folded."""


def section(facts: RunFacts) -> Section:
    """The section; what older evaluations lack is left out, and said.

    Raises:
      Missing: there is no evaluation, or no verdict in it.
    """
    verdict = facts.json("Evaluator", "evaluation", VERDICT)
    folder = facts.folder("Evaluator", "evaluation")
    columns = [list(one["columns"]) for one in facts.config.get("evaluation", {}).get("slices", [])]
    buckets = verdict.get("buckets", {})
    answers, without = _answers(folder)
    slices = metric_table.slices_of(answers, columns, buckets) if answers else {}
    calibration, confusion = _json(folder / CALIBRATION), _json(folder / CONFUSION)
    tables = metric_table.tables(verdict, facts.task, answers, slices, confusion)
    lacking = dict.fromkeys(metric for table in tables for metric in table.without()) if answers else {}
    return Section(
        ID,
        TITLE,
        render(
            "evaluation.html",
            tables=tables,
            lacking=[(metric, intervals.why_none(metric, answers)) for metric in lacking] if answers else [],
            first_rows=FIRST_ROWS,
            first_mistakes=FIRST_MISTAKES,
            answers=answers,
            without=without,
            charts=answer_charts.of(answers, calibration, confusion) if answers else [],
            is_shares=facts.task in ("binary", "multiclass"),
            worst=_worst(answers) if answers else None,
            gaps=_gaps(answers, columns, buckets) if answers else [],
            mistakes=mistakes.read(folder),
            pairs=_pairs(answers) if answers else [],
            attention=_attention(facts),
            fewest=fairness.FEWEST,
            own=verdict.get("baseline_is") == OWN,
        ),
    )


def _answers(folder: Path) -> tuple[Predictions | None, str]:
    try:
        return predictions.read(folder), ""
    except Missing as missing:
        return None, str(missing)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _worst(answers: Predictions) -> dict[str, Any]:
    """The worst slices, with the share of wrong answers where there are classes."""
    raw = {name: values for name, values in answers.raw.items() if name not in answers.labels}
    found = worst_slices.find(raw, answers.loss)
    known = np.isfinite(answers.loss)
    wrong = None
    if answers.task in ("binary", "multiclass"):
        wrong = (answers.predicted != answers.true)[known]
    rows = [
        {
            "part": part,
            "wrong": None if wrong is None else float(wrong[part.rows].mean()),
            "wrong_else": None if wrong is None else float(wrong[~part.rows].mean()),
        }
        for part in found.parts
    ]
    return {"rows": rows, "looked_at": found.looked_at, "features": len(raw)}


def _gaps(
    answers: Predictions, columns: list[list[str]], buckets: Mapping[str, Any]
) -> list[fairness.Column]:
    if answers.task not in ("binary", "multiclass", "regression"):
        return []
    found = []
    for by in columns:
        if len(by) == 1 and by[0] not in answers.labels:
            groups = {
                name.removeprefix(f"{by[0]}="): rows
                for name, rows in slice_names.of_columns(answers.raw, by, buckets).items()
            }
            of_column = fairness.of_column(by[0], groups, answers)
            if of_column is not None:
                found.append(of_column)
    return found


def _pairs(answers: Predictions) -> list[dict[str, Any]]:
    """Of texts: the answers with the highest loss, and some from the middle."""
    if not answers.has("text"):
        return []
    known = np.flatnonzero(np.isfinite(answers.loss))
    order = known[np.argsort(-answers.loss[known], kind="stable")]
    middle = order[len(order) // 2 :: max(1, len(order) // (2 * SAMPLES))][:SAMPLES]
    texts = {name: answers.texts(name) for name in ("text", "prediction", "reference") if answers.has(name)}
    return [
        {
            "title": title,
            "rows": [
                {
                    "loss": float(answers.loss[place]),
                    **{name: values[place] for name, values in texts.items()},
                }
                for place in places
            ],
        }
        for title, places in (("The highest losses", order[:SAMPLES]), ("Ordinary ones", middle))
        if len(places)
    ]


def _attention(facts: RunFacts) -> list[str]:
    """The pictures of attention that the Trainer left, as data: URIs."""
    try:
        folder = facts.folder("Trainer", "model_run")
    except Missing:
        return []
    found = [mistakes.whole(file) for file in sorted(folder.rglob("attention-*.png"))]
    return [one for one in found if one]
