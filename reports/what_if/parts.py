"""What the parts of the page show that ask a model, as JSON-able values: answers, curves, counterfactuals, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.errors import BadInput
from reports.what_if import counterfactual, dependence, disagreement, form
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
        "version": asked.subject.version,
        "task": asked.subject.task,
        "signature": asked.signature,
        "outputs": list(asked.outputs),
        "picture": asked.is_picture,
        "table": asked.is_table,
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
        "scores": listed(held_out.scores[place]) if held_out.outputs else [],
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
            told.append({"version": asked.subject.version, "problem": f"{name}: {line}"})
            continue
        [answer] = asked.ask([row.row])
        tokens = [one for field in asked.form if field.kind == "tokens" for one in row.row[field.name]]
        told.append(asked.described(answer, tokens))
    return {"errors": {}, "notes": filled.notes, "answers": told}


def picture_answers(versions: Sequence[Asked], encoded: bytes) -> dict[str, Any]:
    """What each version answers to a picture. Raises BadInput: it is none, or a version takes none."""
    told = []
    for asked in versions:
        if not asked.is_picture:
            raise BadInput(f"version {asked.subject.version} takes no pictures")
        [answer] = asked.ask([asked.picture_row(encoded)])
        told.append(asked.described(answer))
    return {"errors": {}, "notes": {}, "answers": told}


def curve(asked: Asked, values: Mapping[str, Any], feature: str, output: int) -> dict[str, Any]:
    """How a score depends on one feature, on average and for these values. Raises BadInput."""
    _check_output(asked, output)
    field = next((field for field in asked.form if field.name == feature), None)
    if field is None or not asked.is_table:
        raise BadInput(f"{feature!r} is no feature whose influence can be drawn")
    own = _filled(asked, values)
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
        raise BadInput(f"{feature} has fewer than two values among the held-out examples")
    points = [form.fill([field], {feature: value}).row[feature] for value in grid]
    places = dependence.spread_rows(len(held_out)) if held_out else []
    rows = [form.row_of(asked.form, row) for row in held_out.feature_values(places)] if held_out else []
    found = dependence.curve(
        lambda asks: asked.scores(asks)[:, output], rows, own, feature, points, list(grid)
    )
    return {
        "feature": feature,
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


def nearest(
    asked: Asked, values: Mapping[str, Any], norm: str, scale: str, output: int, threshold: float
) -> dict[str, Any]:
    """The nearest held-out example with another answer, and what differs. Raises BadInput."""
    _check_output(asked, output)
    if norm not in counterfactual.NORMS or scale not in counterfactual.SCALES:
        raise BadInput(f"distance: {norm!r} in {scale!r} is none that there is")
    if not asked.is_table:
        raise BadInput("these examples have no features that could be compared one by one")
    held_out = asked.held_out
    own = _filled(asked, values)
    [score] = asked.scores([own])
    if asked.subject.task == "regression":
        enough = float(np.nanstd(held_out.scores[:, output]))
        other = np.abs(held_out.scores[:, output] - score[output]) >= enough
        wanted = f"{asked.outputs[output]} at least {enough:.4g} away (one standard deviation of the answers)"
    elif asked.subject.task == "binary":
        other = (held_out.scores[:, 0] > threshold) != (score[0] > threshold)
        wanted = f"the other side of the threshold {threshold:g}"
    else:
        other = held_out.scores.argmax(axis=1) != score.argmax()
        wanted = "another class"
    fields = [field for field in asked.form if field.column in held_out.features]
    typed = {field.name: form.fill([field], values).row.get(field.name) for field in fields}
    example = {f.column: _comparable(f, values.get(f.name), typed[f.name]) for f in fields}
    columns = {f.column: _column(held_out, f) for f in fields}
    distance = counterfactual.distances(columns, example, norm, scale)
    place = counterfactual.nearest(distance, other)
    if place is None:
        return {"found": False, "wanted": wanted}
    [features] = held_out.feature_values([place])
    theirs = form.typed(fields, features)
    return {
        "found": True,
        "wanted": wanted,
        "id": held_out.row(place)["id"],
        "distance": float(distance[place]),
        "scores": listed(held_out.scores[place]),
        "rows": [
            {
                "name": f.name,
                "theirs": theirs[f.name],
                "apart": float(
                    counterfactual.differences(columns[f.column][place : place + 1], example[f.column])[0]
                    if columns[f.column].dtype == object
                    else counterfactual.differences(columns[f.column], example[f.column], scale)[place]
                ),
            }
            for f in fields
        ],
    }


def disagreements(first: Asked, second: Asked) -> dict[str, Any]:
    """Where two versions disagree most over the held-out examples of the first. Raises BadInput."""
    if not first.outputs or not second.outputs or first.subject.task != second.subject.task:
        raise BadInput("the answers of these two versions are no scores that could be compared")
    held_out = first.held_out
    places = _spread(len(held_out), MOST_COMPARED)
    names = list(dict.fromkeys([*first.outputs, *second.outputs]))
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


def _filled(asked: Asked, values: Mapping[str, Any]) -> dict[str, Any]:
    filled = form.fill(asked.form, values)
    if filled.errors:
        name, line = next(iter(filled.errors.items()))
        raise BadInput(f"{name}: {line}")
    return filled.row


def _column(held_out: HeldOut, field: form.Field) -> np.ndarray:
    if held_out.features[field.column] == "number" and field.known is None and field.kind in form.NUMBERS:
        return held_out.numbers(f"raw.{field.column}")
    return np.array([None if v is None or v == "" else str(v) for v in held_out.values(field.column)], object)


def _comparable(field: form.Field, typed: Any, value: Any) -> Any:
    """A value as `_column` has it."""
    if typed is None or str(typed).strip() == "":
        return None
    while isinstance(value, list):
        [value] = value
    if field.kind in form.NUMBERS and field.known is None:
        return float(np.float32(value)) if field.kind == "number" else float(value)
    return str(value)


def _check_output(asked: Asked, output: int) -> None:
    if not 0 <= output < len(asked.outputs):
        raise BadInput("the answers of this model are no scores")


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist()))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return value[:LONGEST_CELL] + "…"
    return finite(value) if isinstance(value, float) else value
