"""Which signature of a model is asked, and what its inputs take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.errors import BadInput
from common.raw_features import MISSING_INT, tensor_names
from pipeline.wording import nearest
from serving.client_types import Signature, Tensor

DEFAULT_SIGNATURE = "serving_default"
BYTES_SIGNATURE = "serving_bytes"
FLOATS = ("DT_FLOAT", "DT_DOUBLE", "DT_HALF", "DT_BFLOAT16")

Row = dict[str, Any]
"""One example: input name -> value."""


def choose(model: str, signatures: Mapping[str, Signature], name: str = "") -> str:
    """The signature with this name, by default serving_default, else the only one. Raises BadInput."""
    known = sorted(signatures)
    if name:
        if name not in signatures:
            raise BadInput(
                f"{model} has no signature {name!r}{nearest(name, known) or '; it has ' + ', '.join(known)}"
            )
        return name
    if DEFAULT_SIGNATURE in signatures or len(known) == 1:
        return DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in signatures else known[0]
    raise BadInput(f"{model} has no serving_default; name one with --signature: {', '.join(known)}")


def choose_for_strings(
    model: str, signatures: Mapping[str, Signature], name: str, what: str
) -> tuple[str, str]:
    """(signature, input) for texts or encoded images: of the signature that is named, else of the one that fits.

    Images prefer serving_bytes, texts serving_default. Raises BadInput when there is no single string input.
    """
    preferred = [BYTES_SIGNATURE, DEFAULT_SIGNATURE]
    if what == "text":
        preferred.reverse()
    candidates = [choose(model, signatures, name)] if name else [s for s in preferred if s in signatures]
    for candidate in candidates:
        inputs = signatures[candidate].inputs
        if len(inputs) == 1 and next(iter(inputs.values())).dtype == "DT_STRING":
            return candidate, next(iter(inputs))
    looked_at = ", ".join(
        f"{candidate} takes {', '.join(f'{name} ({kind(tensor)})' for name, tensor in sorted(inputs.items()))}"
        for candidate in candidates
        for inputs in [signatures[candidate].inputs]
    )
    raise BadInput(
        f"{model} takes no {what}: no signature with a single string input"
        f" ({looked_at or 'it has ' + ', '.join(sorted(signatures))}); give --json or --csv"
    )


def columns_of(inputs: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
    """Input -> the column that feeds it: one of the same name, else one that export would have named so."""
    columns = list(columns)
    renamed = {tensor: column for column, tensor in tensor_names(columns).items()}
    return {
        name: name if name in columns else renamed[name]
        for name in inputs
        if name in columns or name in renamed
    }


def missing_value(tensor: Tensor) -> Any:
    """What stands for a missing value of this input: "" for texts, NaN for floats, -2**31 for integers."""
    if tensor.dtype == "DT_STRING":
        return ""
    return float("nan") if tensor.dtype in FLOATS else MISSING_INT


def is_scalar(tensor: Tensor) -> bool:
    """Whether an example has one value of this input."""
    return tensor.shape is None or all(size == 1 for size in tensor.shape[1:])


def shaped(value: Any, tensor: Tensor) -> Any:
    """One value in the shape that an example has: `v` for [B], `[v]` for [B, 1]."""
    for _ in (tensor.shape or ())[1:]:
        value = [value]
    return value


def kind(tensor: Tensor) -> str:
    """A tensor in short: `int64 [-1]`."""
    sizes = "of any shape" if tensor.shape is None else str(list(tensor.shape))
    return f"{tensor.dtype.removeprefix('DT_').lower()} {sizes}"
