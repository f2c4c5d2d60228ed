"""The answers of a run's model to held-out examples, out of `predictions.parquet`."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluator.constants import PREDICTIONS
from reports.run_facts import Missing

_RAW = "raw."


@dataclass(frozen=True)
class Predictions:
    """A sample of the split `eval` with the model's answers (docs/evaluation.md).

    total: how many examples the split has. classes: in the order of the scores. table: as in the file, without the
    examples themselves.
    """

    total: int
    task: str
    labels: Sequence[str]
    classes: Sequence[str]
    table: Any

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)

    def has(self, name: str) -> bool:
        return name in self.table.column_names

    def column(self, name: str) -> np.ndarray:
        """A column of numbers as float64 [N], NaN where there is none; of scores [N, K]."""
        import pyarrow as pa

        found = self.table[name].combine_chunks()
        if pa.types.is_fixed_size_list(found.type):
            return _numbers(found.flatten()).reshape(-1, found.type.list_size)
        return _numbers(found)

    def texts(self, name: str) -> list[Any]:
        """A column as it is, None where there is nothing."""
        return list(self.table[name].to_pylist())

    @functools.cached_property
    def raw(self) -> dict[str, list[Any]]:
        """Raw features, None for a missing value; whole numbers as int."""
        return {
            name.removeprefix(_RAW): self.texts(name)
            for name in self.table.column_names
            if name.startswith(_RAW)
        }

    @functools.cached_property
    def loss(self) -> np.ndarray:
        """float64 [N], NaN without a label."""
        return self.column("loss")

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """Of a classifier: the probability of the positive class [N], or of every class [N, K]."""
        return self.column(f"score.{self.labels[0]}" if self.task == "binary" else "scores")

    @functools.cached_property
    def true(self) -> np.ndarray:
        """Of a classifier: class indices int64 [N], -1 for a label that is missing or unknown."""
        if self.task == "binary":
            found = self.column(f"label.{self.labels[0]}")
            return np.where(np.isnan(found), -1, found).astype(np.int64)
        index = {name: place for place, name in enumerate(self.names)}
        return np.array([index.get(name, -1) for name in self.texts("label")], np.int64)

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """Of a classifier: class indices int64 [N]."""
        if self.task == "binary":
            return (self.scores > 0.5).astype(np.int64)
        return self.scores.argmax(axis=1)

    @property
    def names(self) -> list[str]:
        """Of a classifier: its classes, by their indices where it does not tell their names."""
        if self.classes:
            return list(self.classes)
        return [str(place) for place in range(2 if self.task == "binary" else self.scores.shape[1])]

    def numbers(self, output: str) -> tuple[np.ndarray, np.ndarray]:
        """Of a regression: values of a label and what was predicted, float64 [N], NaN where there is none."""
        return self.column(f"label.{output}"), self.column(f"prediction.{output}")


def read(folder: Path) -> Predictions:
    """The predictions in the folder of an evaluation.

    Raises:
      Missing: there are none, or the file is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    file = folder / PREDICTIONS
    if not file.exists():
        raise Missing(
            f"There is no {PREDICTIONS}: an older version of this project made the evaluation, or"
            " evaluation.predictions is 0."
        )
    try:
        opened = parquet.ParquetFile(file)
        table = opened.read([name for name in opened.schema_arrow.names if name != "example"])
        metadata = {
            key.decode(): value.decode() for key, value in (opened.schema_arrow.metadata or {}).items()
        }
        return Predictions(
            int(metadata["examples"]),
            metadata["task"],
            json.loads(metadata["label"]),
            json.loads(metadata["classes"]),
            table,
        )
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise Missing(f"{PREDICTIONS} is damaged: {error}") from None


def _numbers(column: Any) -> np.ndarray:
    """float64, NaN for null; out of the buffers, since Arrow's own way imports pandas."""
    import pyarrow as pa

    found = column.cast(pa.float64())
    bits, values = found.buffers()
    inside = slice(found.offset, found.offset + len(found))
    numbers = np.frombuffer(values, np.float64)[inside]
    if bits is None:
        return numbers
    known = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[inside]
    return np.where(known == 1, numbers, np.nan)
