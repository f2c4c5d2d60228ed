"""Tux Paint's stamps: small colour pictures of things, in folders by kind.

From the Debian package tuxpaint-stamps-default (https://tuxpaint.org, GPL-2: read from the installed package, never
committed). Kinds with at least 30 pictures of things are the classes: animals 146, food 67, household 34, plants 39,
town 79, vehicles 38. Left out are symbols (letters, coins) and seasonal (a second place for plants, food and houses),
which are no kinds of things, and the kinds with fewer pictures.
"""

from __future__ import annotations

import os
from pathlib import Path

from common.errors import BadInput
from data import downloads

NAME = "stamps"
PACKAGE = Path("/usr/share/tuxpaint/stamps")
INSTALL = "apt-get install tuxpaint-stamps-default"
CLASSES = ("animals", "food", "household", "plants", "town", "vehicles")


def write(folder: Path) -> Path:
    """Writes a folder of PNGs per class into `folder`: RGB, what is transparent becomes white, size as it was.

    The pictures are taken from where MLPIPE_DATA_STAMPS says or from the Debian package. Raises BadInput, with the
    command that installs it, when it is not there.
    """
    source = Path(os.environ.get(downloads.variable(NAME)) or PACKAGE).expanduser()
    for name in CLASSES:
        pictures = sorted((source / name).rglob("*.png"))
        if not pictures:
            raise BadInput(f"{source / name}: there are no pictures; install them with: {INSTALL}")
        for path in pictures:
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            _flatten(path, target)
    return folder


def _flatten(path: Path, target: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
    white.convert("RGB").save(target, "PNG")
