"""What the SavedModel of a classifier tells: which output holds its scores, and the names of its classes."""

from __future__ import annotations

from pathlib import Path

CLASSES = Path("assets", "class_names.txt")
SCORES = {"binary": "probability", "multiclass": "probabilities"}
"""Task -> the output: of the positive class, or of every class."""


def class_names(saved_model: Path) -> list[str]:
    """The classes in the order of the scores; empty where the model does not tell."""
    file = saved_model / CLASSES
    # By LF alone: other separators of Unicode may stand in a name.
    return file.read_bytes().decode("utf-8").split("\n")[:-1] if file.exists() else []
