"""A model's answers on the terminal: a table, or a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.model_inputs import Row
from pipeline.show import grid, show
from serving.json_values import to_json

MOST_VALUES = 10


def show_table(answers: Iterable[Row], asked: Mapping[str, Sequence[object]] | None = None) -> None:
    """One line per example, one column per output, after columns of what was asked: name -> a value per example."""
    columns = asked or {}
    listed = list(answers)
    table = grid(*columns, *listed[0])
    for index, answer in enumerate(listed):
        leading = (str(values[index]) for values in columns.values())
        table.add_row(*leading, *(cell(value) for value in answer.values()))
    show(table)


def show_json(answers: Iterable[Row]) -> None:
    """JSON lines, as exact as the answers; bytes that are no text as `{"b64": ...}`."""
    for answer in answers:
        print(json.dumps(to_json(answer), ensure_ascii=False))


def show_text(prompt: str, pieces: Iterable[Row]) -> None:
    """The prompt and each `continuation`, as soon as it is there."""
    told = prompt
    for piece in pieces:
        told += piece["continuation"]
        print(told, end="", flush=True)
        told = ""
    print(told)


def show_column(name: str, answers: Iterable[Row]) -> None:
    """One value of each row a line, as soon as it is there."""
    for answer in answers:
        print(answer[name], flush=True)


def cell(value: Any) -> str:
    """A value in short: six digits, the first few of many values, the length of bytes."""
    if isinstance(value, list):
        if len(value) == 1:
            return cell(value[0])
        more = f", ... {len(value)} values" if len(value) > MOST_VALUES else ""
        return f"[{', '.join(cell(item) for item in value[:MOST_VALUES])}{more}]"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
