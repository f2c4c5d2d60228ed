"""The images of a run as one table: names, labels, further columns; nothing of their content is read."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from components.image_example_gen import csv_rows, folders, idx, idx_folder
from components.image_example_gen.options import ImageOptions
from components.image_example_gen.problems import Problem

NAME = "file_name"
_READ_SIZE = 1000


@dataclasses.dataclass(frozen=True)
class Listing:
    """All images, in an order that does not depend on the machine.

    table: column file_name (relative to `base`; of IDX `<file>#<index>`), then the features that every example gets
    beside those of the image: labels and further columns. held_out: rows that are the eval split already.
    place: how a row is named in a message. problems: what cannot be used and is not in the table.
    size: bytes of all images, roughly. notes: lines for the log.
    """

    base: str
    table: pa.Table
    held_out: np.ndarray
    problems: Sequence[Problem]
    size: int
    place: Callable[[int], str]
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return self.table.num_rows


def find(path: str, options: ImageOptions) -> Listing:
    """Lists the images at a path, whatever their layout. Raises BadInput for what makes all of them no use."""
    return {"folders": _of_folders, "idx": _of_idx, "csv": _of_csv}[options.images](path, options)


def _of_folders(path: str, options: ImageOptions) -> Listing:
    scan = folders.scan(path)
    names = [name for name, _ in scan.files]
    notes = [f"{scan.ignored} files that are no images were left alone"] if scan.ignored else []
    (label,) = options.labels
    return Listing(
        base=path,
        table=pa.table(
            {
                NAME: pa.array(names, pa.string()),
                label: pa.array([name for _, name in scan.files], pa.string()),
            }
        ),
        held_out=np.zeros(len(names), bool),
        problems=scan.problems,
        size=_size(path, names),
        place=lambda row: names[row],
        notes=notes,
    )


def _of_idx(path: str, options: ImageOptions) -> Listing:
    classes = idx_folder.class_names(path)
    names: list[str] = []
    labels: list[str] = []
    held_out: list[np.ndarray] = []
    size = 0
    for pair in idx_folder.pairs(path):
        images = idx.open_images(os.path.join(path, pair.images))
        values = np.frombuffer(idx.IdxFile(os.path.join(path, pair.labels), (1,)).all(), np.uint8)
        _check_pair(path, pair, images, values, classes, options)
        names += [f"{pair.images}#{index}" for index in range(len(images))]
        spelled = classes or [str(value) for value in range(256)]
        labels += [spelled[value] for value in values]
        held_out.append(np.full(len(images), pair.held_out))
        size += len(images) * images.item_size
    (label,) = options.labels
    return Listing(
        base=path,
        table=pa.table({NAME: pa.array(names, pa.string()), label: pa.array(labels, pa.string())}),
        held_out=np.concatenate(held_out),
        problems=[],
        size=size,
        place=lambda row: names[row],
    )


def _check_pair(
    path: str,
    pair: idx_folder.Pair,
    images: idx.IdxFile,
    labels: np.ndarray,
    classes: Sequence[str],
    options: ImageOptions,
) -> None:
    if len(images) != len(labels):
        raise BadInput(
            f"{path}: {pair.images} holds {len(images)} images, but {pair.labels} {len(labels)} labels; take the files"
            " from the same set"
        )
    height, width = images.shape[1:3]
    if height * width > options.max_pixels:
        raise BadInput(
            f"{images.path}: {width:,} x {height:,} pixels are more than data.max_pixels: {options.max_pixels:,}; raise"
            " data.max_pixels"
        )
    if len(images.shape) == 4 and images.shape[3] not in (1, 2, 3, 4):
        raise BadInput(
            f"{images.path}: {images.shape[3]} channels; an image has 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA),"
            " as the last dimension"
        )
    if classes and int(labels.max()) >= len(classes):
        row = int(np.argmax(labels >= len(classes)))
        raise BadInput(
            f"{os.path.join(path, pair.labels)}: label {labels[row]} of image {row} has no name:"
            f" {idx_folder.CLASSES} holds {len(classes)}; give each label a line, in order"
        )


def _of_csv(path: str, options: ImageOptions) -> Listing:
    rows = csv_rows.read(path, options)
    names = rows.table.column(NAME).to_pylist()
    return Listing(
        base=os.path.dirname(path),
        table=rows.table,
        held_out=np.zeros(len(names), bool),
        problems=rows.problems,
        size=_size(os.path.dirname(path), names),
        place=lambda row: f"{rows.place(row)} ({names[row]})",
    )


def _size(base: str, names: Sequence[str]) -> int:
    """Bytes of all files, judged by some of them: to stat a hundred thousand on a network disk takes minutes."""
    some = names[:: max(1, len(names) // _READ_SIZE)]
    sizes = [
        os.path.getsize(os.path.join(base, name)) for name in some if os.path.isfile(os.path.join(base, name))
    ]
    return round(sum(sizes) / max(1, len(sizes)) * len(names))
