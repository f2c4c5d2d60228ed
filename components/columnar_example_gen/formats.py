"""The reader of a file, by its name. Each reader has TYPED, columns, blocks, parse and place."""

from __future__ import annotations

import os
from types import ModuleType

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, inputs, json_lines, typed_files

_OTHER = {
    ".json": "write JSON lines, an object a line (pandas: to_json('rows.jsonl', orient='records', lines=True))",
    ".xls": "save the sheet as CSV in UTF-8",
    ".xlsx": "save the sheet as CSV in UTF-8",
    ".ods": "save the sheet as CSV in UTF-8",
    ".pkl": "write Parquet (pandas: to_parquet)",
    ".zip": "unpack it, or pack it with gzip",
    ".bz2": "unpack it, or pack it with gzip",
    ".xz": "unpack it, or pack it with gzip",
}
_PLAIN_GROWTH, _PACKED_GROWTH = 4, 24
"""How much larger tf.Examples are than the file, about: they repeat the names of the columns in each row."""


def reader(path: str) -> ModuleType:
    """csv_reader for names that say nothing else. Raises BadInput for a name that tells another format."""
    name = path.lower()
    if name.endswith((*inputs.PARQUET, *inputs.ARROW)):
        return typed_files
    if mend := next((mend for suffix, mend in _OTHER.items() if name.endswith(suffix)), ""):
        raise BadInput(f"{path}: files of this kind are not read; {mend}")
    return json_lines if name.endswith(inputs.JSON_LINES) else csv_reader


def examples_size(path: str) -> int:
    """About how many bytes the tf.Examples of a file have."""
    plain = path.lower().endswith((".csv", ".tsv", ".jsonl", ".ndjson"))
    return os.path.getsize(path) * (_PLAIN_GROWTH if plain else _PACKED_GROWTH)
