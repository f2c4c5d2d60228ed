"""The names of a classifier's classes."""

from __future__ import annotations

from pathlib import Path

from components.classifiers import CLASSES, class_names


def test_a_name_may_hold_what_else_ends_a_line(tmp_path: Path) -> None:
    names = ["plain", "with a space", "first\u2028second", "next\x85line", "form\x0cfeed", "Straße"]
    (tmp_path / CLASSES).parent.mkdir()
    (tmp_path / CLASSES).write_bytes("".join(f"{name}\n" for name in names).encode())
    assert class_names(tmp_path) == names


def test_a_model_that_does_not_tell(tmp_path: Path) -> None:
    assert class_names(tmp_path) == []
