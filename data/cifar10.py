"""CIFAR-10: 60,000 colour images, 32 x 32, in 10 classes.

50,000 training and 10,000 test images by A. Krizhevsky, V. Nair and G. Hinton, https://www.cs.toronto.edu/~kriz/cifar.html
(A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009). The makers state no licence but ask for
that citation; nothing of it is committed. The binary version is read: per image a byte of label, then 1024 bytes each
of red, green and blue.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from common.errors import BadInput
from data import archives, idx
from data.downloads import Original

NAME = "cifar10"
ORIGINAL = Original(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170,
)
SIDE = 32
_RECORD = 1 + 3 * SIDE * SIDE
_SETS = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "t10k": ["test_batch.bin"]}
_NAMES = "batches.meta.txt"


def write(folder: Path, download: bool = False) -> Path:
    """Writes IDX files [images, 32, 32, 3] for training and test (t10k), and classes.txt, into `folder`.

    The archive is taken from where MLPIPE_DATA_CIFAR10 says, or fetched when `download` says so. Raises BadInput when
    it is nowhere, not the original or damaged.
    """
    wanted = {*_SETS["train"], *_SETS["t10k"], _NAMES}
    unpacked = folder / "unpacked"

    def rename(name: str) -> str | None:
        base = PurePosixPath(name).name
        return f"{unpacked.name}/{base}" if base in wanted else None

    archives.write_original(NAME, ORIGINAL, folder, download, rename)
    for name in sorted(wanted):
        if not (unpacked / name).is_file():
            raise BadInput(f"{ORIGINAL.name}: there is no {name} in it; fetch {ORIGINAL.url} again")
    for name, batches in _SETS.items():
        _write_set(folder, name, [_records(unpacked / batch) for batch in batches])
    classes = (unpacked / _NAMES).read_text().split()
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    shutil.rmtree(unpacked)
    return folder


def _records(path: Path) -> np.ndarray:
    """The records of a batch, uint8 [images, 1 + 3072]."""
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % _RECORD:
        raise BadInput(
            f"{path.name}: {len(content)} bytes are no whole number of {_RECORD}-byte records; fetch it again"
        )
    return content.reshape(-1, _RECORD)


def _write_set(folder: Path, name: str, batches: Sequence[np.ndarray]) -> None:
    count = sum(map(len, batches))
    # Red, green and blue stand one after the other; an image has them side by side.
    pixels = (batch[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1).tobytes() for batch in batches)
    idx.write(folder / f"{name}-images-idx4-ubyte", (count, SIDE, SIDE, 3), pixels)
    idx.write(folder / f"{name}-labels-idx1-ubyte", (count,), (batch[:, 0].tobytes() for batch in batches))
