"""What the parts of the page show that ask a model, as JSON-able values: answers, curves, what the answer hangs on, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.errors import BadInput
from reports.what_if import dependence, disagreement, form, occlusion
from reports.what_if.bench import Asked, finite, listed
from reports.what_if.held_out import HeldOut
from reports.words import number

PER_PAGE = 12
LONGEST_CELL = 160
MOST_COMPARED = 2000
MOST_FURTHEST = 20
_FEW = 8
"""Features that the list of examples shows."""


def model(asked: Asked) -> dict[str, Any]:
    """What the page has to know of a version: the form, the scores, and which parts make sense."""
    return {
        **asked.named(),
        "task": asked.subject.task,
        "signature": asked.signature,
        "outputs": list(asked.outputs),
        "picture": asked.is_picture,
        "table": asked.is_table,
        "curved": [field.name for field in asked.curved],
        "texts": [field.name for field in asked.form if field.kind == "long"],
        "form": [
            {
                "name": field.name,
                "column": field.column,
                "kind": field.kind,
                "dtype": field.tensor.dtype.removeprefix("DT_").lower(),
                "suggestions": list(field.suggestions),
                "low": field.low,
                "high": field.high,
            }
            for field in asked.form
        ],
    }


def examples(held_out: HeldOut, given: Mapping[str, str], page: int) -> dict[str, Any]:
    """A page of the held-out examples. Raises BadInput: a filter that does not fit."""
    sort = given.get("sort") or "loss"
    found = held_out.chosen(
        given.get("search", ""),
        given.get("column", ""),
        given.get("wanted", ""),
        sort,
        given.get("order", "down") != "up",
    )
    shown = _shown_columns(held_out, [sort, given.get("column", "")])
    places = found[page * PER_PAGE : (page + 1) * PER_PAGE].tolist()
    rows = [held_out.row(place) for place in places]
    return {
        "total": len(found),
        "page": page,
        "pages": max(1, -(-len(found) // PER_PAGE)),
        "columns": shown,
        "rows": [{"id": row["id"], "cells": [_cell(row[name]) for name in shown]} for row in rows],
    }


def example(asked: Asked, example_id: int) -> dict[str, Any]:
    """One held-out example as the form shows it. Raises BadInput: there is none such."""
    held_out = asked.held_out
    place = held_out.place(example_id)
    [features] = held_out.feature_values([place])
    if any(field.kind == "tokens" for field in asked.form) and "text" in held_out.columns:
        features |= {
            field.column: held_out.row(place)["text"] for field in asked.form if field.kind == "tokens"
        }
    row = held_out.row(place)
    return {
        "id": example_id,
        "values": form.typed(asked.form, features),
        "truth": [{"name": n, "value": _cell(value)} for n, value in held_out.told(place).items()],
        "scores": listed(held_out.scores_for(asked.outputs)[place]) if held_out.outputs else [],
        "loss": finite(row["loss"]) if row.get("loss") is not None else None,
    }


def answers(versions: Sequence[Asked], values: Mapping[str, Any]) -> dict[str, Any]:
    """What each version answers to the same values; where some are wrong, which, and no answers."""
    filled = form.fill(versions[0].form, values)
    if filled.errors:
        return {"errors": filled.errors, "notes": filled.notes, "answers": []}
    told = []
    for asked in versions:
        row = form.fill(asked.form, values)
        if row.errors:
            name, line = next(iter(row.errors.items()))
            told.append({**asked.named(), "problem": f"{name}: {line}"})
            continue
        [answer] = asked.ask([row.row])
        tokens = [one for field in asked.form if field.kind == "tokens" for one in row.row[field.name]]
        told.append(asked.described(answer, tokens))
    return {"errors": {}, "notes": filled.notes, "answers": told}


def picture_answers(versions: Sequence[Asked], encoded: bytes) -> dict[str, Any]:
    """What each version answers to a picture. Raises BadInput: it is none, or a version takes none."""
    told = []
    for asked in versions:
        [answer] = asked.ask([asked.picture_row(encoded)])
        told.append(asked.described(answer))
    return {"errors": {}, "notes": {}, "answers": told}


def curve(asked: Asked, values: Mapping[str, Any], feature: str, output: int) -> dict[str, Any]:
    """How a score depends on one feature, on average and for these values. Raises BadInput."""
    asked.check_output(output)
    field = next((field for field in asked.form if field.name == feature), None)
    if field is None or field not in asked.curved:
        raise BadInput(f"{feature!r} is no feature whose influence can be drawn")
    own = asked.filled(values)
    held_out = asked.subject.held_out
    known = held_out.values(field.column) if held_out and field.column in held_out.features else []
    typed = values.get(feature)
    text = "" if typed is None else str(typed).strip()
    is_number = field.kind in form.NUMBERS and field.known is None
    grid: Sequence[Any]
    if is_number:
        grid = dependence.grid_of_numbers(known, float(text) if text else None, field.kind == "whole")
    else:
        grid = dependence.grid_of_texts([None if v is None else str(v) for v in known], text or None)
    if len(grid) < 2:
        raise BadInput(f"{field.column} has fewer than two values among the held-out examples")
    points = [form.fill([field], {feature: value}).row[feature] for value in grid]
    places = dependence.spread_rows(len(held_out)) if held_out else []
    rows = [form.row_of(asked.form, row) for row in held_out.feature_values(places)] if held_out else []
    found = dependence.curve(
        lambda asks: asked.scores(asks)[:, output], rows, own, feature, points, list(grid)
    )
    return {
        "feature": field.column,
        "output": asked.outputs[output],
        "numbers": is_number,
        "values": found.values,
        "mean": listed(found.mean),
        "low": listed(found.low),
        "high": listed(found.high),
        "own": listed(found.own),
        "current": (float(text) if is_number else text) if text else None,
        "rows": len(rows),
    }


def words(asked: Asked, values: Mapping[str, Any], feature: str, output: int | None) -> dict[str, Any]:
    """How a score changes when a text is without each of its words; by default of the answer's own class. Raises BadInput."""
    field = next((field for field in asked.form if field.name == feature and field.kind == "long"), None)
    if field is None:
        raise BadInput(f"{feature!r} is no text")
    own = asked.filled(values)
    pieces = occlusion.pieces(str(values.get(feature) or ""))
    if not pieces:
        raise BadInput("there is no word")
    texts = occlusion.without_each(pieces)
    rows = [own, *({**own, feature: form.model_inputs.shaped(text, field.tensor)} for text in texts)]
    run = max(len(piece.split()) for piece in pieces)
    return {**_changes(asked, rows, output), "pieces": pieces, "run": run}


def regions(asked: Asked, encoded: bytes, output: int | None) -> dict[str, Any]:
    """How a score changes when a picture is covered in places; by default of the answer's own class. Raises BadInput."""
    asked.picture_row(encoded)
    covered = occlusion.pictures(encoded)
    rows = [asked.picture_row(picture) for picture in (covered.plain, *covered.patched)]
    shape = {name: getattr(covered, name) for name in ("across", "down", "width", "height", "scaled")}
    return {**_changes(asked, rows, output), **shape}


def _changes(asked: Asked, rows: Sequence[Mapping[str, Any]], output: int | None) -> dict[str, Any]:
    """The score of the first row, and by how much it is above that of each other one."""
    asked.check_output(0 if output is None else output)
    scores = asked.scores(rows)
    if output is None:
        output = int(scores[0].argmax()) if asked.subject.task == "multiclass" else 0
    return {
        "output": asked.outputs[output],
        "score": finite(scores[0, output]),
        "changes": listed(scores[0, output] - scores[1:, output]),
    }


def disagreements(first: Asked, second: Asked) -> dict[str, Any]:
    """Where two versions disagree most over the held-out examples of the first. Raises BadInput."""
    if not first.outputs or not second.outputs or first.subject.task != second.subject.task:
        raise BadInput("the answers of these two versions are no scores that could be compared")
    held_out = first.held_out
    places = _spread(len(held_out), MOST_COMPARED)
    names = list(dict.fromkeys([*first.outputs, *second.outputs]))
    if first.subject.server:
        ours = _by_name(first.scores_of_examples(places, held_out), first.outputs, names)
    else:
        ours = _by_name(held_out.scores[places], held_out.outputs, names)
    theirs = _by_name(second.scores_of_examples(places, held_out), second.outputs, names)
    found = disagreement.compare(first.subject.task, ours, theirs)
    furthest = disagreement.furthest(found.distance, MOST_FURTHEST)
    return {
        "examples": len(places),
        "all": held_out.total,
        "unit": found.unit,
        "other_answer": found.other_answer,
        "mean": finite(float(np.nanmean(found.distance))),
        "rows": [
            {
                "id": held_out.row(places[row])["id"],
                "distance": finite(found.distance[row]),
                "first": _short_answer(first.subject.task, names, ours[row]),
                "second": _short_answer(first.subject.task, names, theirs[row]),
                "truth": ", ".join(number(value) for value in held_out.told(places[row]).values()),
            }
            for row in furthest
        ],
    }


def _by_name(scores: np.ndarray, has: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Scores in the order of `names`; 0 for a class that a version does not know."""
    index = {name: place for place, name in enumerate(has)}
    columns = [scores[:, index[name]] if name in index else np.zeros(len(scores)) for name in names]
    return np.stack(columns, axis=1)


def _short_answer(task: str, names: Sequence[str], scores: np.ndarray) -> str:
    if task == "multiclass":
        return f"{names[int(scores.argmax())]} {scores.max():.3f}"
    return ", ".join(f"{score:.4g}" for score in scores)


def _shown_columns(held_out: HeldOut, asked_for: Sequence[str]) -> list[str]:
    answers = [
        n
        for n, column in held_out.columns.items()
        if not column.startswith("raw.") and n not in ("id", "loss")
    ]
    labels = {*held_out.labels}
    few = [name for name in held_out.features if name not in labels][:_FEW]
    more = [name for name in asked_for if name in held_out.columns]
    return list(dict.fromkeys(["id", "loss", *answers, *more, *few]))


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist()))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return value[:LONGEST_CELL] + "…"
    return finite(value) if isinstance(value, float) else value
