"""Cats and dogs: 25,000 colour photos, half of each.

From Microsoft's Asirra (J. Elson, J. Douceur, J. Howell, J. Saul, "Asirra: A CAPTCHA that Exploits Interest-Aligned
Manual Image Categorization", 2007), https://www.microsoft.com/download/details.aspx?id=54765, under the licence that
lies in the archive (Microsoft Research, for research only); nothing of it is committed. A few files are empty or no
JPEG: `data.on_error: skip` leaves them out and lists them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from data import archives
from data.downloads import Original

NAME = "cats_vs_dogs"
ORIGINAL = Original(
    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
    "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
    825,
)


def write(folder: Path, download: bool = False) -> Path:
    """Writes the folders Cat and Dog of JPEGs into `folder`.

    The archive is taken from where MLPIPE_DATA_CATS_VS_DOGS says, or fetched when `download` says so. Raises BadInput
    when it is nowhere, not the original or damaged.
    """
    return archives.write_original(NAME, ORIGINAL, folder, download, _renamed)


def _renamed(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if parts[0] != "PetImages" or len(parts) != 3 or not parts[2].endswith(".jpg"):
        return None
    return "/".join(parts[1:])
