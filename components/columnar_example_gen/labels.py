"""Checks of the label columns, over all rows and between the splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import BadInput
from components.columnar_example_gen.diagnosis import shown
from components.columnar_example_gen.source import Source

_SHOWN_CLASSES = 5


def check(data: Source, splits: Sequence[str], assigned: np.ndarray) -> None:
    """Raises BadInput for an empty split and for labels that cannot be trained on or evaluated.

    `assigned` holds the split (index into `splits`) of every row.
    """
    for label in data.options.labels:
        _check_missing(data, label)
        if data.options.task == "regression":
            _check_number(data, label)
        elif data.options.task:
            _check_classes(data, label)
    for split, count in zip(splits, np.bincount(assigned, minlength=len(splits)), strict=True):
        if not count:
            raise BadInput(
                f"{data.files[0].path}: split {split} got none of the {len(assigned)} rows; give more rows, or more"
                f" to {split} under data.splits"
            )
    if data.options.task in ("binary", "multiclass") and "train" in splits:
        for label in data.options.labels:
            _check_seen(data, label, splits, assigned)


def _check_missing(data: Source, label: str) -> None:
    column = data.table.column(label)
    if column.null_count == len(column):
        raise BadInput(f"{data.files[0].path}: label {label}: every value is missing; give the rows a label")
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise BadInput(
            f"{data.place(row)}: label {label} is missing ({column.null_count} such rows); give it a value or take"
            " the row out"
        )


def _check_number(data: Source, label: str) -> None:
    if not pa.types.is_string(data.table.column(label).type):
        return
    values = data.label_text.column(label)
    numeric = pc.match_substring_regex(values, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")
    row = pc.index(numeric, False).as_py()
    where, what = (data.place(row), shown(values[row].as_py())) if row >= 0 else (data.files[0].path, "text")
    raise BadInput(
        f"{where}: label {label}: {what} is not a number; regression needs one, or set task: multiclass"
    )


def _check_classes(data: Source, label: str) -> None:
    classes, codes = _classes(data, label)
    path = data.files[0].path
    if len(classes) == 1:
        raise BadInput(
            f"{path}: label {label} has one class only, {shown(str(classes[0]))}; a classifier needs at least two"
        )
    if data.options.task == "binary" and len(classes) > 2:
        listed = ", ".join(map(str, classes[:_SHOWN_CLASSES])) + (
            ", ..." if len(classes) > _SHOWN_CLASSES else ""
        )
        raise BadInput(
            f"{path}: label {label} has {len(classes)} classes ({listed}); task: binary needs two, or set task:"
            " multiclass"
        )
    for code, count in enumerate(np.bincount(codes)):
        if count == 1:
            raise BadInput(
                f"{data.place(int(np.argmax(codes == code)))}: label {label}: class {shown(str(classes[code]))} occurs"
                " once only; a class needs rows to train on and rows to evaluate on: mend the value, or take the row"
                " out"
            )


def _check_seen(data: Source, label: str, splits: Sequence[str], assigned: np.ndarray) -> None:
    classes, codes = _classes(data, label)
    seen = np.bincount(codes[assigned == list(splits).index("train")], minlength=len(classes)) > 0
    unseen = ~seen[codes]
    if unseen.any():
        row = int(np.argmax(unseen))
        raise BadInput(
            f"{data.place(row)}: label {label}: class {shown(str(classes[codes[row]]))} is in split"
            f" {splits[assigned[row]]} but not in train; give train rows of this class, or take its rows out"
        )


def _classes(data: Source, label: str) -> tuple[list[Any], np.ndarray]:
    """(distinct values of the label, index into them for every row)."""
    encoded = data.table.column(label).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
