"""From what people give, JSON or a CSV file, to rows that fit the inputs of a signature."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from common.errors import BadInput
from components.columnar_example_gen import column_types, csv_reader, diagnosis, formats
from components.columnar_example_gen.column_types import BadValue
from components.columnar_example_gen.options import ReaderOptions
from pipeline import scaffold
from pipeline.model_inputs import FLOATS, Row, columns_of, is_scalar, kind, missing_value, shaped
from pipeline.wording import nearest
from serving.client_types import Tensor

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def from_json(given: str, inputs: Mapping[str, Tensor], model: str) -> list[Row]:
    """Rows of a JSON object or a list of objects; `@file` reads a file, `-` standard input.

    null is a missing value. A model with a single input takes the values without their name too.
    Raises BadInput: not JSON, no row, an input that is missing, or a key that is none.
    """
    place, text = _json_text(given)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON: {error}") from None
    examples = value if isinstance(value, list) else [value]
    if not examples:
        raise BadInput(f"{place}: an empty list; give at least one example")
    return [
        _json_row(example, inputs, model, place if len(examples) == 1 else f"{place}: example {number}")
        for number, example in enumerate(examples, start=1)
    ]


def from_csv(
    path: Path, inputs: Mapping[str, Tensor], model: str, data: Mapping[str, Any]
) -> tuple[list[Row], list[str]]:
    """Rows of a CSV file whose header names the inputs, and the columns that are none and were left out.

    data: the data section of the pipeline's configuration, for `delimiter` and `missing_values`; may be empty.
    Raises BadInput, with file, line and column, for a column that is missing or a value that does not fit.
    """
    if not path.is_file():
        raise BadInput(f"--csv {path}: no such file")
    for name, tensor in inputs.items():
        if not is_scalar(tensor):
            raise BadInput(
                f"--csv: input {name} of {model} is {kind(tensor)}, not one value a row; give --json"
            )
    file = str(path)
    if formats.reader(file) is not csv_reader:
        raise BadInput(f"--csv {path}: not a CSV file; write it as one, or give --json @rows.json")
    missing = data.get("missing_values", ())
    options = ReaderOptions(delimiter=data.get("delimiter", ","), missing_values=missing)
    header = csv_reader.columns(file, options)
    if len(header) == 1:
        # A file of another program than the training data's.
        options = ReaderOptions(delimiter=scaffold.likely_delimiter(file), missing_values=missing)
        header = csv_reader.columns(file, options)
    sources = columns_of(inputs, header)
    unused = [column for column in header if column not in sources.values()]
    for name in inputs:
        if name not in sources:
            hint = nearest(name, unused) or f"; the columns are {', '.join(header)}"
            raise BadInput(f"{path}:1: no column {name!r}, which {model} takes{hint}")
    text = csv_reader.read_table(file, header, options)
    columns = {}
    for name, tensor in inputs.items():
        values = _typed(text.column(sources[name]), tensor)
        if isinstance(values, BadValue):
            line = diagnosis.line_of(file, values.row, options)
            raise BadInput(
                f"{path}:{line}: column {sources[name]}: {diagnosis.shown(values.value)} {values.reason}; mend"
                " the row, or leave the field empty when the value is missing"
            )
        columns[name] = values
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return rows, unused


def _json_text(given: str) -> tuple[str, str]:
    """Where the text comes from, and the text."""
    if given == "-":
        return "standard input", sys.stdin.read()
    if not given.startswith("@"):
        return "--json", given
    path = Path(given[1:])
    try:
        return str(path), path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"--json {given}: no such file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8 text") from None


def _json_row(example: Any, inputs: Mapping[str, Tensor], model: str, place: str) -> Row:
    if not isinstance(example, dict) or (len(inputs) == 1 and example.keys() == {"b64"}):
        if len(inputs) != 1:
            raise BadInput(
                f"{place}: {json.dumps(example)[:60]} is no object; {model} takes {', '.join(sorted(inputs))}"
            )
        example = dict.fromkeys(inputs, example)
    sources = columns_of(inputs, example)
    for key in example:
        if key not in sources.values():
            unfed = [name for name in inputs if name not in sources]
            hint = nearest(key, unfed) or f"; the inputs are {', '.join(sorted(inputs))}"
            raise BadInput(f"{place}: {model} has no input {key!r}{hint}")
    absent = sorted(set(inputs) - set(sources))
    if len(absent) > 1:
        raise BadInput(
            f"{place}: {', '.join(absent)} are missing; give their values, or null where they have none"
        )
    if absent:
        raise BadInput(f"{place}: {absent[0]} is missing; give its value, or null when it has none")
    return {
        name: example[key] if example[key] is not None else shaped(missing_value(inputs[name]), inputs[name])
        for name, key in sources.items()
    }


def _typed(column: pa.ChunkedArray, tensor: Tensor) -> list[Any] | BadValue:
    """The cells of a text column as values of an input, or the first that is none."""
    values: Sequence[Any] = column.to_pylist()
    if tensor.dtype == "DT_BOOL":
        for row, value in enumerate(values):
            if (value or "").strip().lower() not in BOOLEANS:
                return BadValue(row, value or "", "is neither true nor false")
        values = [BOOLEANS[value.strip().lower()] for value in values]
    elif tensor.dtype != "DT_STRING":
        is_float = tensor.dtype in FLOATS
        numbers = column_types.convert(column, "float" if is_float else "int")
        if isinstance(numbers, BadValue):
            return numbers
        # Not the float32 that a column of training data becomes: an input may be a double.
        values = [value and float(value) for value in values] if is_float else numbers.to_pylist()
    absent = missing_value(tensor)
    return [shaped(absent if value is None else value, tensor) for value in values]
