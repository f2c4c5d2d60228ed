"""Flower photos: 3,670 colour photos of daisies, dandelions, roses, sunflowers and tulips.

Collected by the TensorFlow team from Flickr, every photo CC-BY 2.0 with its author named in LICENSE.txt of the archive,
http://download.tensorflow.org/example_images/flower_photos.tgz; nothing of it is committed.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from data import archives
from data.downloads import Original

NAME = "flowers"
ORIGINAL = Original(
    "http://download.tensorflow.org/example_images/flower_photos.tgz",
    "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
    229,
)


def write(folder: Path, download: bool = False) -> Path:
    """Writes a folder of JPEGs per class, and LICENSE.txt, into `folder`.

    The archive is taken from where MLPIPE_DATA_FLOWERS says, or fetched when `download` says so. Raises BadInput when
    it is nowhere, not the original or damaged.
    """
    return archives.write_original(NAME, ORIGINAL, folder, download, _renamed)


def _renamed(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    return "/".join(parts[1:]) if parts[0] == "flower_photos" and len(parts) > 1 else None
