"""The nearest held-out example with another answer, of rows, texts and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.errors import BadInput
from reports.what_if import counterfactual, form, likeness
from reports.what_if.bench import Asked, listed
from reports.what_if.held_out import HeldOut


def nearest(
    asked: Asked, values: Mapping[str, Any], norm: str, scale: str, output: int, threshold: float
) -> dict[str, Any]:
    """The nearest held-out example with another answer, and what differs. Raises BadInput."""
    asked.check_output(output)
    if norm not in counterfactual.NORMS or scale not in counterfactual.SCALES:
        raise BadInput(f"distance: {norm!r} in {scale!r} is none that there is")
    if not asked.is_table:
        raise BadInput("these examples have no features that could be compared one by one")
    held_out = asked.held_out
    own = asked.filled(values)
    other, wanted = _other(asked, own, output, threshold)
    fields = [field for field in asked.form if field.column in held_out.features]
    if not fields:
        raise BadInput("the evaluation kept none of the features that the model takes")
    apart = {field.name: _apart(held_out, field, values.get(field.name), own, scale) for field in fields}
    distance = counterfactual.added_up(list(apart.values()), norm)
    place = counterfactual.nearest(distance, other)
    if place is None:
        return {"found": False, "wanted": wanted}
    if not asked.curved and distance[place] == len(fields):
        return {"found": False, "wanted": f"{wanted}, and that shares a word with this one"}
    theirs = form.typed(fields, held_out.feature_values([place])[0])
    rows = [
        {
            "name": field.name,
            "column": field.column,
            "theirs": theirs[field.name],
            "apart": float(apart[field.name][place]),
        }
        for field in fields
    ]
    return {**_found(asked, place, distance, wanted), "rows": rows}


def nearest_picture(asked: Asked, encoded: bytes, output: int, threshold: float) -> dict[str, Any]:
    """The nearest held-out picture with another answer. Raises BadInput."""
    asked.check_output(output)
    held_out = asked.held_out
    row = asked.picture_row(encoded)
    kept, pixels = held_out.small_pictures
    if not len(kept):
        raise BadInput("the pictures are too large: the evaluation kept none of them")
    other, wanted = _other(asked, row, output, threshold)
    own = likeness.small(encoded)
    if own is None:
        raise BadInput("this picture cannot be compared; give an ordinary PNG or JPEG")
    distance = np.full(len(held_out), np.inf)
    distance[kept] = likeness.picture_distances(pixels, own)
    place = counterfactual.nearest(distance, other & np.isfinite(distance))
    if place is None:
        return {"found": False, "wanted": wanted}
    return {**_found(asked, place, distance, wanted), "compared": len(kept), "all": len(held_out)}


def _found(asked: Asked, place: int, distance: np.ndarray, wanted: str) -> dict[str, Any]:
    return {
        "found": True,
        "wanted": wanted,
        "id": asked.held_out.row(place)["id"],
        "distance": float(distance[place]),
        "scores": listed(asked.held_out.scores_for(asked.outputs)[place]),
    }


def _other(asked: Asked, own: Mapping[str, Any], output: int, threshold: float) -> tuple[np.ndarray, str]:
    """Which held-out examples have another answer than a row, bool [N], and what that means."""
    scores = asked.held_out.scores_for(asked.outputs)
    [score] = asked.scores([own])
    if asked.subject.task == "regression":
        enough = float(np.nanstd(scores[:, output]))
        other = np.abs(scores[:, output] - score[output]) >= enough
        return (
            other,
            f"{asked.outputs[output]} at least {enough:.4g} away (one standard deviation of the answers)",
        )
    if asked.subject.task == "binary":
        return (scores[:, 0] > threshold) != (
            score[0] > threshold
        ), f"the other side of the threshold {threshold:g}"
    return scores.argmax(axis=1) != score.argmax(), "another class"


def _apart(
    held_out: HeldOut, field: form.Field, typed: Any, own: Mapping[str, Any], scale: str
) -> np.ndarray:
    """How far the held-out values of a feature are from what was typed, float64 [N]."""
    if field.kind == "long":
        return held_out.texts(field.column).distances(str(typed or ""))
    return counterfactual.differences(
        _column(held_out, field), _comparable(field, typed, own[field.name]), scale
    )


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
