"""Images listed in a CSV: a path, labels and further columns per row."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, diagnosis, source
from components.columnar_example_gen.names import unknown_column
from components.columnar_example_gen.options import ReaderOptions
from components.image_example_gen import folders
from components.image_example_gen.options import FEATURES, ImageOptions
from components.image_example_gen.problems import Problem

NAME = "file_name"


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows that name a file and have all labels; problems: the others. place: file:line of a row."""

    table: pa.Table
    problems: Sequence[Problem]
    place: Callable[[int], str]


def read(path: str, options: ImageOptions) -> Rows:
    """Reads the CSV; the column of paths becomes file_name, all others are features.

    Raises BadInput for a file that is no CSV, a column that is not there or named like a feature of every image, and
    a value that does not fit its column.
    """
    reader = _reader(path, options)
    data = source.read({"all": [path]}, reader)
    table = data.rename_columns(
        [NAME if name == options.path_column else name for name in data.column_names]
    ).select([NAME, *(name for name in data.column_names if name != options.path_column)])
    bad = _bad_rows(path, table, options)
    good = np.setdiff1d(np.arange(table.num_rows), list(bad))
    lines = functools.cache(lambda: _lines(path, reader))

    def place(row: int) -> str:
        return f"{os.path.basename(path)}:{lines()[row]}"

    return Rows(
        table=table.take(good),
        problems=[Problem(place(row), what, mend) for row, (what, mend) in bad.items()],
        place=lambda row: place(int(good[row])),
    )


def image_names(path: str, options: ImageOptions) -> list[str]:
    """The paths in the CSV as they stand in it, each once, sorted. Raises BadInput as `read` does."""
    text = source.read_text({"all": [path]}, _reader(path, options))
    return sorted({name for name in text.column(options.path_column).to_pylist() if name})


def _reader(path: str, options: ImageOptions) -> ReaderOptions:
    if not os.path.isfile(path):
        if os.path.isdir(path):
            raise BadInput(f"{path}: is a folder; images: csv needs the CSV that lists the images")
        raise folders.missing(path)
    kind = "float" if options.task == "regression" else "text"
    reader = ReaderOptions(
        delimiter=options.delimiter,
        missing_values=options.missing_values,
        types={**options.types, **dict.fromkeys(options.labels, kind), options.path_column: "text"},
        drop=options.drop,
    )
    header = csv_reader.columns(path, reader)
    wanted = [("data.path_column", options.path_column), *(("the label", label) for label in options.labels)]
    for where, name in wanted:
        if name not in header:
            raise unknown_column(path, header, where, name, options.delimiter)
        if name in options.drop:
            raise BadInput(f"data.drop: {name} is {where}; take it out of the list")
    for name in header:
        if name in FEATURES and name != options.path_column and name not in options.drop:
            raise BadInput(
                f"{path}:1: column {name} is named like a feature that every image has; rename it, or list it under"
                " data.drop"
            )
    return reader


def _lines(path: str, reader: ReaderOptions) -> list[int]:
    """The line that each row begins on."""
    return [line for line, _ in diagnosis.records(path, reader)]


def _bad_rows(path: str, table: pa.Table, options: ImageOptions) -> dict[int, tuple[str, str]]:
    """Row -> (what is wrong, mend), in the order of the rows."""
    base = os.path.dirname(path)
    bad: dict[int, tuple[str, str]] = {}
    for row, name in enumerate(table.column(NAME).to_pylist()):
        if name is None:
            bad[row] = ("the path is empty", "name a file, or take the row out")
        elif not os.path.lexists(os.path.join(base, name)):
            slashes = os.path.lexists(os.path.join(base, name.replace("\\", "/")))
            mend = "write / for \\ in the paths" if slashes else "mend the path, or take the row out"
            bad[row] = (f"there is no file {name}", mend)
        elif os.path.exists(os.path.join(base, name)) and not os.path.isfile(os.path.join(base, name)):
            bad[row] = (f"{name} is no plain file", "name an image, or take the row out")
    for label in options.labels:
        for row in np.flatnonzero(pc.is_null(table.column(label)).to_numpy()).tolist():
            bad.setdefault(row, (f"label {label} is empty", "give it a value, or take the row out"))
    return dict(sorted(bad.items()))
