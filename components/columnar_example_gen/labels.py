"""Checks of the label columns, over all rows and between the splits; tallied block by block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import BadInput
from components.columnar_example_gen.diagnosis import shown

_SHOWN_CLASSES = 5
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
Place = Callable[[int], str]


@dataclasses.dataclass(frozen=True)
class Class:
    """A value of a label: rows in each split, the first row, and the split that this one is in."""

    counts: np.ndarray
    first: int
    split: int


@dataclasses.dataclass(frozen=True)
class Tally:
    """The labels of some rows: missing ones, the first text that is no number, and the classes as they appear."""

    missing: int
    first_missing: int | None
    no_number: tuple[int, str] | None
    classes: Mapping[Any, Class]

    def merged(self, later: Tally, rows: int) -> Tally:
        """The tally of these rows and of later ones, which begin `rows` rows after these."""
        classes = dict(self.classes)
        for value, found in later.classes.items():
            known = classes.get(value)
            classes[value] = (
                Class(known.counts + found.counts, known.first, known.split)
                if known
                else dataclasses.replace(found, first=found.first + rows)
            )
        first, no_number = later.first_missing, later.no_number
        return Tally(
            self.missing + later.missing,
            self.first_missing if first is None or self.first_missing is not None else first + rows,
            self.no_number or (no_number and (no_number[0] + rows, no_number[1])),
            classes,
        )


def tally(column: pa.ChunkedArray, task: str, assigned: np.ndarray, splits: int) -> Tally:
    """The labels of a block whose rows have the splits `assigned` (0 up to `splits`)."""
    missing = column.null_count
    first_missing = pc.index(column.is_null(), True).as_py() if missing else None
    no_number = None
    classes: dict[Any, Class] = {}
    if task == "regression":
        if pa.types.is_string(column.type):
            row = pc.index(pc.match_substring_regex(column, _NUMBER), False).as_py()
            no_number = (row, column[row].as_py()) if row >= 0 else None
    elif task and missing < len(column):
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        present = encoded.indices.is_valid().to_numpy(zero_copy_only=False)
        codes, rows = encoded.indices.drop_null().to_numpy(), np.flatnonzero(present)
        values = encoded.dictionary.to_pylist()
        table = np.bincount(codes * splits + assigned[present], minlength=len(values) * splits)
        _, firsts = np.unique(codes, return_index=True)
        for code, value in enumerate(values):
            row = int(rows[firsts[code]])
            classes[value] = Class(table[code * splits : (code + 1) * splits], row, int(assigned[row]))
    return Tally(missing, first_missing, no_number, classes)


def check(
    tallies: Mapping[str, Tally],
    kinds: Mapping[str, str],
    counts: Mapping[str, int],
    task: str,
    path: str,
    place: Place,
) -> None:
    """Raises BadInput for an empty split and for labels that cannot be trained on or evaluated.

    counts: split -> rows. path: the first file; place: row -> how it is named.
    """
    rows = sum(counts.values())
    for label, found in tallies.items():
        _check_missing(label, found, rows, path, place)
        if task == "regression":
            _check_number(label, found, kinds[label], path, place)
        elif task:
            _check_classes(label, found, task, path, place)
    for split, count in counts.items():
        if not count:
            raise BadInput(
                f"{path}: split {split} got none of the {rows} rows; give more rows, or more to {split} under"
                " data.splits"
            )
    if task in ("binary", "multiclass") and "train" in counts:
        for label, found in tallies.items():
            _check_seen(label, found, list(counts), place)


def _check_missing(label: str, found: Tally, rows: int, path: str, place: Place) -> None:
    if found.missing == rows:
        raise BadInput(f"{path}: label {label}: every value is missing; give the rows a label")
    if found.first_missing is not None:
        raise BadInput(
            f"{place(found.first_missing)}: label {label} is missing ({found.missing} such rows); give it a value or"
            " take the row out"
        )


def _check_number(label: str, found: Tally, kind: str, path: str, place: Place) -> None:
    if kind != "text":
        return
    where, what = (
        (place(found.no_number[0]), shown(found.no_number[1])) if found.no_number else (path, "text")
    )
    raise BadInput(
        f"{where}: label {label}: {what} is not a number; regression needs one, or set task: multiclass"
    )


def _check_classes(label: str, found: Tally, task: str, path: str, place: Place) -> None:
    classes = list(found.classes)
    if len(classes) == 1:
        raise BadInput(
            f"{path}: label {label} has one class only, {shown(str(classes[0]))}; a classifier needs at least two"
        )
    if task == "binary" and len(classes) > 2:
        listed = ", ".join(map(str, classes[:_SHOWN_CLASSES])) + (
            ", ..." if len(classes) > _SHOWN_CLASSES else ""
        )
        raise BadInput(
            f"{path}: label {label} has {len(classes)} classes ({listed}); task: binary needs two, or set task:"
            " multiclass"
        )
    for value, one in found.classes.items():
        if one.counts.sum() == 1:
            raise BadInput(
                f"{place(one.first)}: label {label}: class {shown(str(value))} occurs once only; a class needs rows to"
                " train on and rows to evaluate on: mend the value, or take the row out"
            )


def _check_seen(label: str, found: Tally, splits: Sequence[str], place: Place) -> None:
    train = splits.index("train")
    unseen = [(one.first, value) for value, one in found.classes.items() if not one.counts[train]]
    if unseen:
        row, value = min(unseen, key=lambda pair: pair[0])
        raise BadInput(
            f"{place(row)}: label {label}: class {shown(str(value))} is in split {splits[found.classes[value].split]}"
            " but not in train; give train rows of this class, or take its rows out"
        )
