"""What a version's folder holds: the SavedModel, where it comes from, and its TensorFlow Lite forms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.model_optimizer import version as edge_version

MANIFEST = Path("assets.extra", "mlpipe.json")


def assemble(model: Path, folder: Path, manifest: Mapping[str, Any], edge: Path | None) -> None:
    """Makes `folder` of the SavedModel `model`, of `manifest`, and of the forms of an EdgeModel, if given.

    Raises OSError when it cannot be written.
    """
    shutil.copytree(model, folder)
    (folder / MANIFEST).parent.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    if edge:
        edge_version.add(edge, folder)
