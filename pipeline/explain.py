"""What pydantic found in a configuration, in one line for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_origin

import pydantic
from pydantic import BaseModel

from pipeline.wording import nearest

Place = Callable[[tuple[str | int, ...]], str]


def explain(
    error: pydantic.ValidationError, model: type[BaseModel], prefix: tuple[str, ...], place: Place
) -> str:
    """The finding that tells most, as one line.

    Args:
      error: what pydantic found.
      model: the class that was validated, for the names of its keys.
      prefix: where the validated values stand in the file.
      place: from a location to `file:line`, or to the override that set it.
    """
    first = min(error.errors(), key=_tells_less)
    location = prefix + tuple(part for part in first["loc"] if not _is_union_tag(part))
    key = ".".join(str(part) for part in location)
    where = place(location)
    if first["type"] == "extra_forbidden":
        valid = _valid_keys(model, location[len(prefix) : -1])
        return f"{where}: {key}: unknown key{nearest(str(location[-1]), valid) or '; valid: ' + ', '.join(valid)}"
    if first["type"] == "missing":
        return f"{where}: {key}: is missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] != "value_error":
        message = message[0].lower() + message[1:]
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a section of keys and values", message)
    message = message.replace("a valid tuple", "a list").replace("tuple should", "should")
    given = first["input"]
    told = isinstance(given, (dict, list, BaseModel)) or (isinstance(given, str) and repr(given) in message)
    shown = "" if told else f", got {json.dumps(given, default=str)}"
    suggestion = ""
    expected = (
        re.findall(r"'([^']+)'", first.get("ctx", {}).get("expected", ""))
        if first["type"] == "literal_error"
        else []
    )
    if expected and isinstance(given, str):
        suggestion = nearest(given, expected)
    return f"{where}: {key + ': ' if key else ''}{message}{shown}{suggestion}"


def _tells_less(error: Any) -> tuple[bool, bool]:
    """A misspelt key is also a missing one, and a list where text could stand as well is no text: sorts these last."""
    return (
        error["type"] != "extra_forbidden",
        error["type"] == "string_type" and isinstance(error["input"], list),
    )


def _is_union_tag(part: str | int) -> bool:
    return isinstance(part, str) and bool(
        re.search(r"^(str|int|float|tuple|constrained-|function-)|\[", part)
    )


def _valid_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Keys that a section takes, found by following the location through nested models."""
    current: Any = model
    named = False
    for part in location:
        if isinstance(part, int) or named:
            named = False
            continue
        field = (
            next((f for name, f in current.model_fields.items() if str(part) in (name, f.alias)), None)
            if hasattr(current, "model_fields")
            else None
        )
        if field is None:
            return []
        current = _section_class(field.annotation) or current
        # Of sections with names of their own, the next part is such a name.
        named = get_origin(field.annotation) is dict
    return [field.alias or name for name, field in current.model_fields.items()]


def _section_class(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section_class(argument)
        if found:
            return found
    return None
