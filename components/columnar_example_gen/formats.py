"""The reader of a file, by its name. Each reader has TYPED, columns, blocks, parse and place."""

from __future__ import annotations

import os
from types import ModuleType

from components.columnar_example_gen import csv_reader, inputs, json_lines, typed_files

_PLAIN_GROWTH, _PACKED_GROWTH = 4, 24
"""How much larger tf.Examples are than the file, about: they repeat the names of the columns in each row."""


def reader(path: str) -> ModuleType:
    """csv_reader for names that say nothing else."""
    name = path.lower()
    if name.endswith((*inputs.PARQUET, *inputs.ARROW)):
        return typed_files
    return json_lines if name.endswith(inputs.JSON_LINES) else csv_reader


def examples_size(path: str) -> int:
    """About how many bytes the tf.Examples of a file have."""
    plain = path.lower().endswith((".csv", ".tsv", ".jsonl", ".ndjson"))
    return os.path.getsize(path) * (_PLAIN_GROWTH if plain else _PACKED_GROWTH)
