"""The held-out examples and the model's answers to them, out of the Evaluator's `predictions.parquet`."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.errors import BadInput
from components.evaluator.constants import PREDICTIONS
from reports import examples, predictions
from reports.predictions import Predictions
from reports.what_if import likeness

LONGEST_TEXT = 2000
"""A raw text of this length was cut off; the whole one is in the example."""
_RANGE = re.compile(r"\s*(\S+)\s*\.\.\s*(\S+)\s*")


@dataclass(frozen=True)
class HeldOut:
    """A sample of the split eval, of which `predictions` says what the model answered; `path` is the file."""

    path: Path
    predictions: Predictions

    @property
    def task(self) -> str:
        return self.predictions.task

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.predictions.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores, as far as they are known."""
        return tuple(self.predictions.classes)

    @property
    def total(self) -> int:
        """How many the split has."""
        return self.predictions.total

    @property
    def table(self) -> pa.Table:
        return self.predictions.table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @functools.cached_property
    def features(self) -> dict[str, str]:
        """Raw column -> "number" or "text"."""
        return {
            name.removeprefix("raw."): "text" if pa.types.is_string(field.type) else "number"
            for name, field in zip(self.table.column_names, self.table.schema, strict=True)
            if name.startswith("raw.")
        }

    @functools.cached_property
    def columns(self) -> dict[str, str]:
        """What can be filtered and sorted by: shown name -> column of the table; `raw.id` where a feature is called id."""
        rest = [n for n in self.table.column_names if not n.startswith("raw.") and n != "scores"]
        raw = {name if name not in rest else f"raw.{name}": f"raw.{name}" for name in self.features}
        return {**{name: name for name in rest}, **raw}

    def told(self, place: int) -> dict[str, Any]:
        """What the data say of one example: label -> class or number, or `reference`; without those that are missing."""
        found = {}
        for column in self.table.column_names:
            if column in ("label", "reference") or column.startswith("label."):
                value = short_float(self.table, column, place)
                if self.task == "binary" and len(self.classes) == 2 and value in (0, 1):
                    value = self.classes[value]
                name = self.labels[0] if column == "label" else column.removeprefix("label.")
                found[name] = value
        return {name: value for name, value in found.items() if value is not None}

    @functools.cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the scores: the positive class, every class, or every label; none for other tasks."""
        if self.task == "binary":
            return (self.classes[1],) if len(self.classes) == 2 else ("probability",)
        if self.task == "multiclass":
            return tuple(self.predictions.names)
        return self.labels if self.task == "regression" else ()

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """The model's answers, float64 [examples, outputs]; NaN where it gave none."""
        if self.task in ("binary", "multiclass"):
            return self.predictions.scores.reshape(len(self), -1)
        if not self.outputs:
            return np.empty([len(self), 0])
        return np.stack([self.predictions.numbers(label)[1] for label in self.labels], axis=1)

    def scores_for(self, outputs: Sequence[str]) -> np.ndarray:
        """`scores` in the order of a model's outputs: the evaluation has labels by name, a configuration as it lists them."""
        if set(outputs) != set(self.outputs):
            return self.scores
        return self.scores[:, [self.outputs.index(name) for name in outputs]]

    @functools.cached_property
    def truth(self) -> np.ndarray:
        """Class index [examples], -1 where it is unknown; for regression the labels, float64 [examples, outputs]."""
        if self.task == "regression":
            return np.stack([self.predictions.numbers(label)[0] for label in self.labels], axis=1)
        return self.predictions.true

    def numbers(self, column: str) -> np.ndarray:
        """A column of the table as float64, NaN for null."""
        return np.asarray(self.predictions.column(column), np.float64)

    def values(self, feature: str) -> list[Any]:
        """The values of a raw column, None where it is missing."""
        return list(self.table.column(f"raw.{feature}").to_pylist())

    def row(self, place: int) -> dict[str, Any]:
        """The columns of one row under their shown names."""
        return {shown: short_float(self.table, name, place) for shown, name in self.columns.items()}

    def feature_values(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Raw feature -> value of some rows; texts in full where the example was kept."""
        raw = [f"raw.{name}" for name in self.features]
        if not raw:
            return [{} for _ in places]
        rows = self.table.select(raw).take(pa.array(list(places), pa.int64())).to_pylist()
        found = [{name.removeprefix("raw."): value for name, value in row.items()} for row in rows]
        for place, values in zip(places, found, strict=True):
            cut = [n for n, v in values.items() if isinstance(v, str) and len(v) >= LONGEST_TEXT]
            whole = self.parsed(place) if cut else {}
            for name in cut:
                if whole.get(name):
                    values[name] = whole[name][0].decode("utf-8", "replace")
        return found

    def place(self, example_id: int) -> int:
        """The row of an example.

        Raises:
          BadInput: there is none of that id.
        """
        found = pc.index(self.table.column("id"), pa.scalar(example_id, pa.int64())).as_py()
        if found < 0:
            raise BadInput(f"there is no example {example_id} among these {len(self):,}")
        return int(found)

    def serialized(self, places: Sequence[int]) -> list[bytes | None]:
        """The serialized tf.Examples of some rows, None where it was too large to be kept."""
        file = pq.ParquetFile(self.path)
        starts = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))])
        groups = np.searchsorted(starts, places, side="right") - 1
        found: dict[int, bytes | None] = {}
        for group in sorted(set(groups.tolist())):
            column = file.read_row_group(group, columns=["example"]).column("example")
            for place in np.asarray(places)[groups == group].tolist():
                found[place] = column[place - int(starts[group])].as_py()
        return [found[place] for place in places]

    def parsed(self, place: int) -> examples.Example:
        """Feature -> values of one row's example; empty where it was too large to be kept."""
        [record] = self.serialized([place])
        return {} if record is None else examples.parse(record)

    def pictures(self, places: Sequence[int]) -> list[bytes | None]:
        """The encoded pictures of some rows, None where it was too large to be kept or there is none."""
        found = (
            examples.parse(record).get("image") if record else None for record in self.serialized(places)
        )
        return [values[0] if values and isinstance(values[0], bytes) else None for values in found]

    @functools.cached_property
    def small_pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows whose pictures were kept, int64 [N], and the pictures in `likeness.small`, uint8 [N, pixels]."""
        found = [likeness.small(encoded) for encoded in self.pictures(range(len(self)))]
        kept = {place: pixels for place, pixels in enumerate(found) if pixels is not None}
        return np.array(list(kept), np.int64), np.array(list(kept.values()), np.uint8)

    def texts(self, feature: str) -> likeness.Texts:
        """The texts of a raw column, of each the first LONGEST_TEXT characters. Raises BadInput: they have no words."""
        if feature not in self._texts:
            self._texts[feature] = likeness.texts(self.values(feature))
        return self._texts[feature]

    @functools.cached_property
    def _texts(self) -> dict[str, likeness.Texts]:
        return {}

    def chosen(
        self,
        search: str = "",
        column: str = "",
        wanted: str = "",
        sort: str = "loss",
        descending: bool = True,
    ) -> np.ndarray:
        """The rows that are asked for, in the order that is asked for.

        Args:
          search: a part of any text, in capitals or not.
          column: what `wanted` is about, by its shown name.
          wanted: for texts the whole value; for numbers `3`, `>3`, `<3` or `3..5`; `missing` for those without.
          sort: a shown name; rows without a value come last.
          descending: from large to small.

        Raises:
          BadInput: there is no such column, or `wanted` is no number where one is needed.
        """
        keep = np.ones(len(self), bool)
        if search:
            keep &= self._mentions(search)
        if column and wanted.strip():
            keep &= self._fits(self._column(column), column, wanted.strip())
        order = pc.sort_indices(
            self.table.column(self._column(sort)).combine_chunks(),
            sort_keys=[("", "descending" if descending else "ascending")],
            null_placement="at_end",
        ).to_numpy()
        return np.asarray(order[keep[order]])

    def _column(self, shown: str) -> str:
        if shown not in self.columns:
            raise BadInput(f"there is no column {shown!r}")
        return self.columns[shown]

    def _mentions(self, text: str) -> np.ndarray:
        found = np.zeros(len(self), bool)
        for name, field in zip(self.table.column_names, self.table.schema, strict=True):
            if pa.types.is_string(field.type):
                match = pc.match_substring(self.table.column(name), text, ignore_case=True)
                found |= pc.fill_null(match, False).to_numpy()
        return found

    def _fits(self, name: str, shown: str, wanted: str) -> np.ndarray:
        column = self.table.column(name)
        if wanted == "missing":
            return np.asarray(pc.is_null(column).to_numpy())
        if pa.types.is_string(column.type):
            lower = pc.utf8_lower(column)
            return np.asarray(pc.fill_null(pc.equal(lower, wanted.lower()), False).to_numpy())
        values = self.numbers(name)
        between = _RANGE.fullmatch(wanted)
        if between:
            low, high = (_number(part, shown) for part in between.groups())
            return (values >= low) & (values <= high)
        if wanted[0] in "<>":
            bound = _number(wanted[1:], shown)
            return values > bound if wanted[0] == ">" else values < bound
        # As people see it: 45.2, which no float32 is exactly.
        return np.float32(values) == np.float32(_number(wanted, shown))


def read(folder: Path) -> HeldOut:
    """The held-out examples in the folder of an evaluation; those read last are kept.

    Raises:
      Missing: there are none, or the file is damaged.
    """
    path = folder / PREDICTIONS
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> HeldOut:
    return HeldOut(path, predictions.read(path.parent))


def short_float(table: pa.Table, column: str, place: int) -> Any:
    """A value of a table; a float32 with as few digits as tell it."""
    value = table.column(column)[place].as_py()
    if isinstance(value, float) and pa.types.is_float32(table.schema.field(column).type):
        return float(str(np.float32(value)))
    return value


def _number(text: str, shown: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{shown}: {text.strip()[:40]!r} is no number; write 3, >3, <3 or 3..5") from None
