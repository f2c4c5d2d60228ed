"""Fashion-MNIST: 70,000 grey images of clothes, 28 x 28, in 10 classes.

60,000 training and 10,000 test images by Zalando Research, MIT licence, https://github.com/zalandoresearch/fashion-mnist
(H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
https://arxiv.org/abs/1708.07747). Debian packs the same content as dataset-fashion-mnist; what is in the files is
checked by sha256 wherever they come from. data/fashion_mnist_sample holds 300 of the images.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from common.errors import BadInput
from data import downloads
from data.downloads import Original

NAME = "fashion_mnist"
PACKAGE = Path("/usr/share/datasets/fashion-mnist")
INSTALL = "apt-get install dataset-fashion-mnist"
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
ORIGINALS = (
    Original(
        f"{_URL}train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        26,
    ),
    Original(
        f"{_URL}train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        1,
    ),
    Original(
        f"{_URL}t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        4,
    ),
    Original(
        f"{_URL}t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        1,
    ),
)
CONTENT = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def write(folder: Path, download: bool = False) -> Path:
    """Writes the four IDX files, unpacked, and classes.txt into `folder`.

    They are taken from the folder that MLPIPE_DATA_FASHION_MNIST names (packed or not), from the Debian package, or
    from their makers when `download` says so. Raises BadInput when they are nowhere, with the command that installs them, and
    when they are not the originals.
    """
    folder.mkdir(parents=True, exist_ok=True)
    given = os.environ.get(downloads.variable(NAME))
    source = Path(given).expanduser() if given else PACKAGE
    if not given and not source.is_dir():
        if not download:
            raise BadInput(
                f"data set {NAME} is not on this machine; install it with: {INSTALL} (or fetch its 31 MB with: mlpipe"
                f" data get {NAME} --download, or set {downloads.variable(NAME)} to its folder)"
            )
        return _fetched(folder)
    for name in CONTENT:
        (folder / name).write_bytes(_content(source, name))
    return _named(folder)


def _fetched(folder: Path) -> Path:
    for original in ORIGINALS:
        packed = downloads.fetch(original, folder)
        (folder / packed.stem).write_bytes(_content(folder, packed.stem))
        packed.unlink()
    return _named(folder)


def _named(folder: Path) -> Path:
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return folder


def _content(source: Path, name: str) -> bytes:
    """What is in the file, unpacked and checked."""
    packed, plain = source / f"{name}.gz", source / name
    path = packed if packed.is_file() else plain
    if not path.is_file():
        raise BadInput(f"{source}: there is no {name}.gz in it; install it with: {INSTALL}")
    try:
        content = gzip.decompress(path.read_bytes()) if path == packed else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: not a readable gzip file ({error}); install it with: {INSTALL}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != CONTENT[name]:
        raise BadInput(
            f"{path}: the sha256 of its content is {found[:12]}..., not {CONTENT[name][:12]}...; install it with:"
            f" {INSTALL}"
        )
    return content
