"""What is asked of the model and of its server: single rows and one batch, of each signature that can be fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.serving_check.feeding import Feed
from components.serving_check.rows import values_of


@dataclass(frozen=True)
class Question:
    """One request: inputs [rows, ...] of one signature; `first` is the index of its first row."""

    signature: str
    method: str
    inputs: Mapping[str, np.ndarray]
    first: int
    rows: int
    is_batch: bool = False

    @property
    def examples(self) -> list[dict[str, list[Any]]]:
        """The features of the tf.Examples of a request to classify or to regress."""
        (serialized,) = self.inputs.values()
        return [values_of(example) for example in serialized]

    def place(self, row: int) -> str:
        """A row of it in words: `row 3`, or `row 3 of the batch of 32`."""
        return f"row {self.first + row}" + (f" of the batch of {self.rows}" if self.is_batch else "")


def questions(signature: str, feed: Feed, rows: int) -> list[Question]:
    """The batch of all rows, then each row by itself."""
    batch = Question(signature, feed.method, feed.rows(0, rows), 0, rows, is_batch=True)
    return [batch, *single_rows(signature, feed, rows)]


def single_rows(signature: str, feed: Feed, rows: int) -> list[Question]:
    """One request for each of the first rows."""
    return [Question(signature, feed.method, feed.rows(i, i + 1), i, 1) for i in range(rows)]
