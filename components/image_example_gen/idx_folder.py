"""Pairs of IDX files in a folder: which images belong to which labels, and which are held out."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from common.errors import BadInput
from components.image_example_gen import folders

CLASSES = "classes.txt"
HELD_OUT = ("t10k", "test")
_NAME = re.compile(r"(?P<set>.+)[-.](?P<kind>images-idx[34]|labels-idx1)-ubyte(\.gz)?")


@dataclasses.dataclass(frozen=True)
class Pair:
    """The images and the labels of one set, as file names in the folder; held_out: the set is the eval split."""

    name: str
    images: str
    labels: str
    held_out: bool


def pairs(folder: str) -> list[Pair]:
    """The sets in a folder: *-images-idx3-ubyte[.gz] (idx4 with colour) and *-labels-idx1-ubyte[.gz].

    A set called t10k or test is held out where there is another beside it.
    Raises BadInput when there is no set, a set lacks its labels or images, or a file is there twice.
    """
    if not os.path.isdir(folder):
        if os.path.isfile(folder):
            raise BadInput(f"{folder}: is a file; images: idx needs the folder that the IDX files lie in")
        raise folders.missing(folder)
    found: dict[str, dict[str, str]] = {}
    for name in sorted(os.listdir(folder)):
        match = _NAME.fullmatch(name)
        if match:
            kinds = found.setdefault(match["set"], {})
            kind = match["kind"].partition("-")[0]
            if kind in kinds:
                raise BadInput(f"{folder}: {kinds[kind]} and {name} hold the same {kind}; take one out")
            kinds[kind] = name
    if not found:
        raise BadInput(
            f"{folder}: no IDX files in it; they are named like train-images-idx3-ubyte and train-labels-idx1-ubyte,"
            " with .gz when they are packed"
        )
    for name, kinds in found.items():
        for kind, dimensions in (("images", 3), ("labels", 1)):
            if kind not in kinds:
                (other,) = kinds.values()
                raise BadInput(
                    f"{folder}: {other} has no {kind} beside it; add {name}-{kind}-idx{dimensions}-ubyte or its .gz"
                )
    several = len(found) > 1
    return [
        Pair(name, kinds["images"], kinds["labels"], several and name in HELD_OUT)
        for name, kinds in found.items()
    ]


def class_names(folder: str) -> list[str]:
    """The names in classes.txt, one a line in the order of the labels; none when there is no such file.

    Raises BadInput for a name that is empty or there twice.
    """
    path = Path(folder, CLASSES)
    if not path.is_file():
        return []
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8; save the file as UTF-8") from None
    for number, name in enumerate(names, start=1):
        if not name:
            raise BadInput(f"{path}:{number}: the line is empty; name the class of label {number - 1}")
        if name in names[: number - 1]:
            raise BadInput(
                f"{path}:{number}: {name!r} names an earlier label too; give each label its own name"
            )
    return names
