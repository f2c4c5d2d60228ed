"""Reading a YAML file so that each value can be traced to its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from common.errors import BadInput
from pipeline.wording import display


def read(path: Path) -> tuple[Any, yaml.Node | None]:
    """The file's values, and its nodes, which know their lines.

    Raises:
      BadInput: it cannot be read, is not UTF-8, is not YAML, or has a key twice; one line with file and line.
    """
    text = _read(path)
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(_not_yaml(error, path)) from None
    _check_repeated(document, path)
    return values, document


def line_of(node: yaml.Node | None, location: tuple[str | int, ...]) -> int:
    """The line of a place in the file, or of its nearest section that is there; the first line is 1."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{display(path)}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{display(path)}: {error.strerror}") from None


def _not_yaml(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    if problem == "mapping values are not allowed here":
        problem += "; a text that holds ': ' stands in quotes"
    place = f"{display(path)}:{mark.line + 1}" if mark else display(path)
    return f"{place}: not valid YAML: {problem}"


def _check_repeated(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys without a word."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_repeated(item, path)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise BadInput(
                    f"{display(path)}:{line}: {key.value}: is there twice, first on line {lines[key.value]};"
                    " keep one"
                )
            lines[key.value] = line
            _check_repeated(value, path)
