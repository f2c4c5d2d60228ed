"""JSON lines: an object a line, with the keys of the first one."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json

from common.errors import BadInput
from components.columnar_example_gen import diagnosis
from components.columnar_example_gen.column_types import INT64
from components.columnar_example_gen.diagnosis import shown
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.typed_files import plain
from components.columnar_example_gen.unpacked import Unpacked

TYPED = True
BLOCK = 8 << 20
_LONGEST_ROW = 1 << 28
Block = tuple[int, bytes]
"""Where it begins in the unpacked file, and whole lines."""


def columns(path: str, options: ReaderOptions) -> list[str]:
    """The keys of the first object. Raises BadInput when there is none."""
    for _, line in _lines(path):
        row = parsed(path, 1, line)
        if not row:
            raise BadInput(f"{path}:1: the first object is empty; give it the keys of the columns")
        return list(row)
    raise BadInput(f"{path}: the file is empty; it needs an object a line")


def blocks(path: str, options: ReaderOptions, size: int = BLOCK) -> Generator[Block, None, str]:
    """Pieces of about `size` bytes that end with a line; returns the file's sha256."""
    held, target, offset = b"", size, 0
    with Unpacked(path) as file:
        while True:
            held += file.block(target - len(held))
            if len(held) < target:
                break
            cut = held.rfind(b"\n") + 1
            if cut:
                yield offset, held[:cut]
                offset, held, target = offset + cut, held[cut:], size
            elif target < _LONGEST_ROW:
                target *= 2
            else:
                raise BadInput(
                    f"{path}: a line has more than {_LONGEST_ROW >> 20} MB; write an object a line"
                )
        if held:
            yield offset, held
        return file.sha256()


def parsed(path: str, line: int, text: bytes | str) -> dict[str, Any]:
    """The object of a line. Raises BadInput, naming the line, for what is none."""
    told = text.decode(errors="replace") if isinstance(text, bytes) else text
    try:
        row = json.loads(text)
    except UnicodeDecodeError as error:
        raise diagnosis.not_utf8(path) or error from None
    except json.JSONDecodeError as error:
        # Some of Python's messages end with the "at" of the place that follows.
        what = error.msg.removesuffix(" at")
        raise BadInput(
            f"{path}:{line}: not JSON: {what} at column {error.colno} ({shown(told)}); mend the line"
        ) from None
    except RecursionError:
        raise BadInput(f"{path}:{line}: JSON in too many levels; mend the line") from None
    if not isinstance(row, dict):
        raise BadInput(f"{path}:{line}: {shown(told)} is no object; write {{...}} on each line")
    return row


def parse(
    path: str,
    block: Block,
    names: Sequence[str],
    kept: Sequence[str],
    kinds: Mapping[str, str],
    options: ReaderOptions,
    first: bool = True,
) -> pa.Table:
    """The columns in `kept` of a block as int64, float64, text or null; true and false become 1 and 0.

    Raises BadInput naming the line for what is no object, for a key that the first object does not have, for a list
    or an object as a value, and for texts and numbers in one column.
    """
    offset, content = block
    if not content.strip():
        return pa.table({name: pa.nulls(0) for name in kept})
    texts = {name: pa.string() for name in kept if kinds.get(name) == "text"}
    try:
        table = _parse(content, texts)
        times = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
        if times:
            # Arrow takes texts that look like dates for dates.
            table = _parse(content, texts | dict.fromkeys(times, pa.string()))
        content.decode()
        if set(table.column_names) <= set(names) and not any(map(pa.types.is_nested, table.schema.types)):
            found = {
                name: table.column(name) if name in table.column_names else pa.nulls(len(table))
                for name in kept
            }
            return pa.table(found).select(kept)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        pass
    return _slowly(path, offset, content, names, kept)


def place(path: str, row: int, options: ReaderOptions) -> str:
    """`file:line` of an object (from 0)."""
    for position, (line, _) in enumerate(_lines(path)):
        if position == row:
            return f"{path}:{line}"
    raise IndexError(row)


def _parse(content: bytes, schema: Mapping[str, pa.DataType]) -> pa.Table:
    return pyarrow.json.read_json(
        pa.py_buffer(content),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pa.schema(schema) if schema else None, unexpected_field_behavior="infer"
        ),
    )


def _slowly(path: str, offset: int, content: bytes, names: Sequence[str], kept: Sequence[str]) -> pa.Table:
    """What Arrow did not take, by Python: the columns, or what is wrong and on which line."""
    if undecodable := diagnosis.not_utf8(path):
        raise undecodable
    line = 1
    if offset:
        with Unpacked(path) as file:
            for start in range(0, offset, BLOCK):
                line += file.block(min(BLOCK, offset - start)).count(b"\n")
    values: dict[str, list[Any]] = {name: [] for name in kept}
    kinds: dict[str, type] = {}
    for number, text in enumerate(content.split(b"\n"), start=line):
        if not text.strip():
            continue
        row = parsed(path, number, text)
        for name in row:
            if name not in names:
                raise _new_key(path, number, name, names)
        for name in kept:
            value = row.get(name)
            values[name].append(_checked(path, number, name, value))
            if value is not None:
                kind = str if isinstance(value, str) else float
                if kinds.setdefault(name, kind) is not kind:
                    raise BadInput(
                        f"{path}:{number}: column {name}: {shown(str(value))} is a {'text' if kind is str else 'number'},"
                        " other than in lines before; write one kind"
                    )
    return pa.table({name: plain(path, name, pa.chunked_array([_array(values[name])])) for name in kept})


def _array(values: list[Any]) -> pa.Array:
    # An integer beyond 64 bits is a float to Arrow's reader too.
    if any(isinstance(value, float) or (isinstance(value, int) and value not in INT64) for value in values):
        return pa.array([value if value is None else float(value) for value in values], pa.float64())
    return pa.array([int(value) if isinstance(value, bool) else value for value in values])


def _checked(path: str, line: int, name: str, value: Any) -> Any:
    if isinstance(value, (list, dict)):
        kind = "a list" if isinstance(value, list) else "an object"
        raise BadInput(
            f"{path}:{line}: {name} is {kind}; a column holds one text or number: take it apart, or list {name} under"
            " data.drop"
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadInput(
                f"{path}:{line}: {name}: \\u{ord(value[error.start]):04x} is half of a surrogate pair; write both"
                " halves, or take it out"
            ) from None
    return value


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """(line, text) of all lines that are not blank."""
    line, held = 1, b""
    with Unpacked(path) as file:
        while block := file.block(1 << 16):
            *whole, held = (held + block).split(b"\n")
            for text in whole:
                if text.strip():
                    yield line, text
                line += 1
        if held.strip():
            yield line, held


def _new_key(path: str, line: int, name: str, header: Sequence[str]) -> BadInput:
    return BadInput(
        f"{path}:{line}: key {name!r} is not in the first object ({', '.join(header)}); give the first one all keys, with"
        " null where there is no value"
    )
