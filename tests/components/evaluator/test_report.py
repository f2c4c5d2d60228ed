"""Mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.evaluator.report import mistakes


def line(folder: Path, confusion: dict[str, Any] | None, kept: list[dict[str, Any]]) -> str | None:
    if confusion is not None:
        (folder / "confusion.json").write_text(json.dumps(confusion))
    if kept:
        (folder / "mistakes").mkdir()
        (folder / "mistakes" / "mistakes.json").write_text(json.dumps(kept))
    return mistakes(folder)


def test_what_is_taken_for_what_most_often(tmp_path: Path) -> None:
    confusion = {
        "classes": ["Coat", "Shirt", "Bag"],
        "counts": [[900, 40, 0], [93, 700, 7], [0, 0, 260]],
        "unknown": [0, 0, 0],
    }
    assert line(tmp_path, confusion, [{"rank": 1}, {"rank": 2}]) == (
        "140 of 2,000 predictions are wrong; most often Shirt is taken for Coat (93); the 2 most confident:"
        f" {tmp_path}/mistakes"
    )


def test_labels_that_the_model_does_not_know_are_wrong_too(tmp_path: Path) -> None:
    confusion = {"classes": ["a", "b"], "counts": [[5, 0], [0, 4]], "unknown": [1, 2]}
    assert line(tmp_path, confusion, []) == (
        "3 of 12 predictions are wrong; 3 have a label that the model does not know"
    )


def test_nothing_is_wrong(tmp_path: Path) -> None:
    confusion = {"classes": ["a", "b"], "counts": [[5, 0], [0, 4]], "unknown": [0, 0]}
    assert line(tmp_path, confusion, []) == "0 of 9 predictions are wrong"


def test_residuals(tmp_path: Path) -> None:
    kept = [
        {"rank": 1, "output": "fat", "residual": -14.4184},
        {"rank": 2, "output": "fat", "residual": 9.0},
        {"rank": 1, "output": "water", "residual": 6.2},
    ]
    assert line(tmp_path, None, kept) == (
        f"largest residuals: fat -14.42, water +6.2; the 3 largest: {tmp_path}/mistakes"
    )


def test_an_evaluation_that_kept_none(tmp_path: Path) -> None:
    assert line(tmp_path, None, []) is None
