"""The candidate with its warm-up requests, in the place where TFX's InfraValidator stores it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tfx.utils import path_utils

from components.serving_check import warm_up
from components.serving_check.feeding import Feed
from components.serving_check.recorded import Recorded


def stamp(
    saved_model: Path, blessing: Path, name: str, feeds: Mapping[str, Feed], count: int, in_model: Recorded
) -> Path:
    """Writes `saved_model` with about `count` warm-up requests below the folder `blessing` of an InfraBlessing.

    The files are hard links where the disk allows it: they take no room of their own. Warm-up requests that the
    trainer module left in the model stay as they are, before the others.
    """
    stamped = Path(path_utils.stamped_model_path(str(blessing)))
    shutil.copytree(saved_model, stamped, copy_function=_link)
    warm_up.write(stamped, name, feeds, count, in_model)
    return stamped


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
