"""How the columns of the input files are to be read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from common.errors import BadInput

COLUMN_TYPES = ("int", "float", "text")
TASKS = ("binary", "multiclass", "regression")


@dataclasses.dataclass(frozen=True)
class ReaderOptions:
    """What a reader has to know about the files beyond their names.

    delimiter: one character. missing_values: spellings that mean "no value", beside the empty field.
    types: column -> int | float | text, for columns whose type is not to be inferred.
    drop: columns that are left out. labels and task: which checks the label columns have to pass; no labels,
    no checks.
    Raises BadInput for a value that is not allowed.
    """

    delimiter: str = ","
    missing_values: Sequence[str] = ()
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drop: Sequence[str] = ()
    labels: Sequence[str] = ()
    task: str = ""

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise BadInput(
                f"data.delimiter: {self.delimiter!r} is not one character; give one, such as ',' or ';'"
            )
        for column, kind in self.types.items():
            if kind not in COLUMN_TYPES:
                raise BadInput(
                    f"data.types: {column}: {kind!r} is not a type; give one of {', '.join(COLUMN_TYPES)}"
                )
        if self.task and self.task not in TASKS:
            raise BadInput(f"task: {self.task!r} is not a task; give one of {', '.join(TASKS)}")
        for label in self.labels:
            if label in self.drop:
                raise BadInput(f"data.drop: {label} is the label; take it out of the list")

    def to_json(self) -> str:
        """One line, equal for equal options: it is part of the cache key."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ReaderOptions:
        """The options that `to_json` wrote."""
        return cls(**json.loads(text))
