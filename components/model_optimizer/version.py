"""The forms beside the SavedModel in a pushed version."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.model_optimizer.constants import FORMS, REPORT

FOLDER = Path("assets.extra", "edge")
"""TensorFlow Serving loads nothing from `assets.extra`."""


def add(edge: Path, version: Path) -> None:
    """Copies the forms in the folder of an EdgeModel, and their figures, into the folder of a version."""
    (version / FOLDER).mkdir(parents=True)
    shutil.copy(edge / REPORT, version / FOLDER)
    for form in FORMS:
        if (edge / form).is_dir():
            shutil.copytree(edge / form, version / FOLDER / form)
