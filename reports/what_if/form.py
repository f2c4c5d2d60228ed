"""The form of an example: a field for each input of a signature, and what is typed in as what the model takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import BadInput
from common.raw_features import MISSING_INT
from pipeline import model_inputs
from pipeline.model_inputs import FLOATS
from reports.what_if.held_out import HeldOut
from reports.words import number
from serving.client_types import Signature, Tensor

MOST_SUGGESTIONS = 200
LONG_TEXT = 60
MOST_CHARACTERS = 100_000
NUMBERS = ("number", "whole")
_FLOAT_LIMITS = {"DT_HALF": 65504.0, "DT_FLOAT": float(np.finfo(np.float32).max), "DT_BFLOAT16": 3.38e38}
_INT_BITS = {"DT_INT8": 8, "DT_INT16": 16, "DT_INT32": 32, "DT_INT64": 64}
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Field:
    """One input of a signature.

    `kind`: number, whole, boolean, text, long (a text of many words), tokens (a text that is cut at its spaces), image, or
    other, which cannot be edited. `column` is the raw feature that feeds it. `known` are the values that the model tells
    apart, None where it does not look values up. `low` and `high` are the bounds of the held-out examples.
    """

    name: str
    column: str
    kind: str
    tensor: Tensor
    suggestions: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Filled:
    """What the model is to be asked: `row` holds every field that has no entry in `errors`; `notes` are remarks."""

    row: dict[str, Any]
    errors: dict[str, str]
    notes: dict[str, str]


def choose_signature(name: str, signatures: Mapping[str, Signature]) -> str:
    """serving_default, but serving_bytes where that takes pixels, which nobody types in: it decodes, and answers alike.

    Raises:
      BadInput: the model has neither.
    """
    chosen = model_inputs.choose(name, signatures)
    pixels = any(_is_image(tensor) for tensor in signatures[chosen].inputs.values())
    if pixels and model_inputs.BYTES_SIGNATURE in signatures:
        return model_inputs.BYTES_SIGNATURE
    return chosen


def fields(
    signature: Signature,
    is_bytes: bool,
    held_out: HeldOut | None,
    vocabularies: Mapping[str, Sequence[str]],
    booleans: frozenset[str] = frozenset(),
) -> list[Field]:
    """The fields of a signature, by name.

    Args:
      signature: what the model takes.
      is_bytes: its one input is encoded images.
      held_out: tells the values that there are; None where there is none.
      vocabularies: raw feature -> the values that the model tells apart.
      booleans: raw features that the schema says are true or false.
    """
    names = sorted(signature.inputs)
    columns = dict.fromkeys(names, "")
    if held_out is not None:
        columns |= model_inputs.columns_of(names, held_out.features)
    if is_bytes:
        [name] = names
        return [Field(name, name.removesuffix("_bytes"), "image", signature.inputs[name])]
    return [
        _field(name, columns[name], signature.inputs[name], len(names), held_out, vocabularies, booleans)
        for name in names
    ]


def fill(form: Sequence[Field], given: Mapping[str, Any]) -> Filled:
    """Turn what was typed in into a row for the model.

    Args:
      form: the fields.
      given: input -> text as typed, a number, true or false, or None for a missing value; a missing key is a missing value.
    """
    row: dict[str, Any] = {}
    errors: dict[str, str] = {}
    notes: dict[str, str] = {}
    for field in form:
        try:
            value = _value(field, given.get(field.name))
        except BadInput as error:
            errors[field.name] = str(error)
            continue
        row[field.name] = value if field.kind == "tokens" else model_inputs.shaped(value, field.tensor)
        note = _note(field, given.get(field.name), value)
        if note:
            notes[field.name] = note
    return Filled(row, errors, notes)


def row_of(form: Sequence[Field], features: Mapping[str, Any]) -> dict[str, Any]:
    """The row for the model that a held-out example is: raw feature -> value."""
    return fill(form, typed(form, features)).row


def typed(form: Sequence[Field], features: Mapping[str, Any]) -> dict[str, Any]:
    """What the form shows of an example, as `fill` takes it: raw feature -> value."""
    shown = {}
    for field in form:
        value = features.get(field.column)
        if isinstance(value, float):
            value = None if math.isnan(value) else _short(value)
        shown[field.name] = value
    return shown


def _field(
    name: str,
    column: str,
    tensor: Tensor,
    inputs: int,
    held_out: HeldOut | None,
    vocabularies: Mapping[str, Sequence[str]],
    booleans: frozenset[str],
) -> Field:
    column = column or name
    known = vocabularies.get(column)
    seen = held_out.values(column) if held_out is not None and column in held_out.features else []
    present = [value for value in seen if value is not None]
    if _is_image(tensor):
        return Field(name, column, "other", tensor)
    if tensor.dtype == "DT_STRING":
        if tensor.shape is not None and len(tensor.shape) == 2 and tensor.shape[1] == -1:
            return Field(name, column or name, "tokens", tensor)
        if not model_inputs.is_scalar(tensor):
            return Field(name, column, "other", tensor)
        lengths = [len(value) for value in present]
        if known is None and (inputs == 1 or (lengths and np.mean(lengths) > LONG_TEXT)):
            return Field(name, column, "long", tensor)
        return Field(name, column, "text", tensor, _suggested(present, known), _set(known))
    if not model_inputs.is_scalar(tensor):
        return Field(name, column, "other", tensor)
    if tensor.dtype == "DT_BOOL" or column in booleans:
        return Field(name, column, "boolean", tensor)
    if tensor.dtype not in FLOATS and tensor.dtype not in _INT_BITS:
        return Field(name, column, "other", tensor)
    kind = "number" if tensor.dtype in FLOATS else "whole"
    numbers = [value for value in present if isinstance(value, (int, float)) and math.isfinite(value)]
    low, high = (_short(min(numbers)), _short(max(numbers))) if numbers and known is None else (None, None)
    return Field(name, column, kind, tensor, _suggested((), known), _set(known), low, high)


def _suggested(values: Sequence[Any], known: Sequence[str] | None) -> tuple[str, ...]:
    """The model's vocabulary, most frequent first as it is written, else the values that there are."""
    if known is not None:
        return tuple(known[:MOST_SUGGESTIONS])
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return tuple(sorted(counts, key=lambda value: (-counts[value], value))[:MOST_SUGGESTIONS])


def _set(known: Sequence[str] | None) -> frozenset[str] | None:
    return None if known is None else frozenset(known)


def _is_image(tensor: Tensor) -> bool:
    return tensor.dtype == "DT_FLOAT" and tensor.shape is not None and len(tensor.shape) == 4


def _value(field: Field, given: Any) -> Any:
    """One value as the model takes it. Raises BadInput: a line for beside the field."""
    if isinstance(given, (list, dict)):
        raise BadInput("one value is expected")
    if field.kind == "other":
        raise BadInput(f"{model_inputs.kind(field.tensor)}: cannot be edited here")
    if field.kind == "image":
        raise BadInput("draw, upload or choose a picture")
    if field.kind in ("text", "long", "tokens"):
        text = _text("" if given is None else given)
        # A sentence without words has one empty place, so that there is something to ask about.
        return (text.split() or [""]) if field.kind == "tokens" else text
    text = "" if given is None else str(given).strip()
    if field.kind == "boolean":
        return _boolean(field, text.lower())
    if not text:
        return model_inputs.missing_value(field.tensor)
    return _whole(field, text) if field.kind == "whole" else _float(field, text)


def _text(given: Any) -> str:
    text = given if isinstance(given, str) else str(given)
    if len(text) > MOST_CHARACTERS:
        raise BadInput(f"{len(text):,} characters are too many; give {MOST_CHARACTERS:,} at most")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput("this is no text in UTF-8") from None
    return text


def _boolean(field: Field, text: str) -> Any:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE if field.tensor.dtype == "DT_BOOL" else int(text in _TRUE)
    if not text and field.tensor.dtype != "DT_BOOL":
        return model_inputs.missing_value(field.tensor)
    raise BadInput(f"{text[:40]!r} is neither true nor false" if text else "has to be true or false")


def _float(field: Field, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no number") from None
    if math.isnan(value):
        raise BadInput("NaN is no number; leave the field empty where the value is missing")
    if abs(value) > _FLOAT_LIMITS.get(field.tensor.dtype, math.inf) or math.isinf(value):
        raise BadInput(f"{text[:40]} is too large a number")
    return value


def _whole(field: Field, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        try:
            as_float = float(text)
        except ValueError:
            raise BadInput(f"{text[:40]!r} is no number") from None
        if not math.isfinite(as_float) or as_float != int(as_float):
            raise BadInput(f"{text[:40]!r} is no whole number") from None
        value = int(as_float)
    bits = _INT_BITS[field.tensor.dtype]
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise BadInput(f"{text[:40]} is too large a number")
    if value == MISSING_INT:
        raise BadInput(f"{value} stands for a missing value; leave the field empty")
    return value


def _note(field: Field, given: Any, value: Any) -> str:
    """A remark on a value that the model takes, but did not learn from."""
    if given is None or str(given).strip() == "":
        return ""
    if field.known is not None and str(value) not in field.known:
        return f"{str(value)[:40]!r} is not in the vocabulary: the model takes it for an unknown value"
    if field.low is not None and field.high is not None and not field.low <= value <= field.high:
        return f"outside what the held-out examples have: {number(field.low)} to {number(field.high)}"
    return ""


def _short(value: float) -> float:
    """A float32 as the number that people wrote; whole numbers as they are."""
    return value if isinstance(value, int) else float(str(np.float32(value)))
