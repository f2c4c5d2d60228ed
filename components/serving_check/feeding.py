"""From real examples to the tensors that a signature takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from common.raw_features import MISSING_INT, tensor_names
from components import pixels
from components.serving_check.rows import Rows
from components.serving_check.signatures import CLASSIFY, REGRESS

BYTES_SUFFIX = "_bytes"
EXAMPLES = ("examples", "serialized_examples", "inputs", "input_examples", "tf_example")
"""What the input of serialized tf.Examples is called by convention."""

PIXEL_BYTES = 4 * 2**20
"""Of all decoded images together: in JSON they are larger still."""


class CannotFeed(Exception):
    """The examples do not hold what a signature takes; the message says why."""


@dataclass(frozen=True)
class Feed:
    """All rows as inputs of one signature, or the first ones where they hold large pixels.

    `tensors` is input name -> array with one entry per row; text as objects of bytes. `kind` is `features`,
    `examples` or `requests` (those in the model). `guessed`: the input's name does not tell that it takes serialized tf.Examples.
    """

    method: str
    kind: str
    tensors: Mapping[str, np.ndarray]
    guessed: bool = False

    @property
    def count(self) -> int:
        """How many rows there are."""
        return min(map(len, self.tensors.values()))

    def rows(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """The inputs of some of the rows."""
        return {name: values[start:stop] for name, values in self.tensors.items()}


def feed(signature: SignatureDef, rows: Rows, decode: pixels.Decode = pixels.stretched) -> Feed:
    """The rows as inputs of a signature: raw features where its inputs are named like them, else tf.Examples.

    An input `x_bytes` takes the feature `x` as well, and numbers [rows, height, width, channels] the pixels that
    `decode` makes of the encoded images of a feature. Missing values are "" for text, NaN for floats, and
    `common.raw_features.MISSING_INT` for integers. An input without a feature has its default (SignatureDef.defaults) in
    every row.

    Raises:
      CannotFeed: an input is neither a feature of the examples nor takes tf.Examples, or its dtype or shape differ.
    """
    method = signature.method_name
    sources = {name: _feature(name, rows) for name in signature.inputs}
    if method in (CLASSIFY, REGRESS):
        return _examples(signature, rows)
    if len(sources) == 1 and None in sources.values() and not signature.defaults:
        return _examples(signature, rows)
    tensors = {}
    for name, feature in sorted(sources.items()):
        if feature is None and name in signature.defaults:
            tensors[name] = _default(name, signature.defaults[name], len(rows))
            continue
        if feature is None:
            raise CannotFeed(f"the examples have no feature for its input {name}")
        info = signature.inputs[name]
        values = [row.get(feature) for row in rows.values]
        dtype, shape = tf.dtypes.as_dtype(info.dtype), info.tensor_shape
        images = _images(values, dtype, shape)
        if images is None:
            tensors[name] = _column(name, values, dtype, shape)
        else:
            tensors[name] = decode(*images).astype(dtype.as_numpy_dtype)
    if not tensors:
        raise CannotFeed("it takes no input")
    count = min(map(len, tensors.values()))
    return Feed(method, "features", {name: values[:count] for name, values in tensors.items()})


def _default(name: str, value: TensorProto, count: int) -> np.ndarray:
    """The default of an input, of one row, for so many rows."""
    array = tf.make_ndarray(value)
    if array.shape[:1] != (1,):
        raise CannotFeed(f"its input {name} has a default of shape {list(array.shape)}, not one row")
    return np.repeat(array, count, axis=0)


def _feature(name: str, rows: Rows) -> str | None:
    """The feature that an input is named after."""
    if name in rows.columns:
        return name
    for feature, tensor in tensor_names(rows.columns).items():
        if tensor == name:
            return feature
    return _feature(name.removesuffix(BYTES_SUFFIX), rows) if name.endswith(BYTES_SUFFIX) else None


def _examples(signature: SignatureDef, rows: Rows) -> Feed:
    if len(signature.inputs) != 1:
        raise CannotFeed(f"it takes tf.Examples, and has {len(signature.inputs)} inputs")
    ((name, info),) = signature.inputs.items()
    dtype = tf.dtypes.as_dtype(info.dtype)
    if dtype != tf.string:
        raise CannotFeed(f"its input {name} takes {dtype.name}, which is neither tf.Examples nor a feature")
    dims = _dims(info.tensor_shape)
    if dims is not None and (len(dims) != 1 or dims[0] is not None):
        raise CannotFeed(f"its input {name} takes no list of tf.Examples, its shape is {_shown(dims)}")
    return Feed(
        signature.method_name,
        "examples",
        {name: np.array(rows.serialized, object)},
        guessed=signature.method_name not in (CLASSIFY, REGRESS) and name not in EXAMPLES,
    )


def _column(
    name: str, values: Sequence[list[Any] | None], dtype: tf.DType, shape: TensorShapeProto
) -> np.ndarray:
    """The values of one feature, [rows, ...] in the signature's dtype and shape."""
    dims = _dims(shape)
    if dims is not None and (not dims or dims[0] is not None):
        raise CannotFeed(f"its input {name} takes no batch, its shape is {_shown(dims)}")
    inner = dims[1:] if dims else []
    known = next((row for row in values if row is not None), None)
    if inner.count(None) > 1:
        raise CannotFeed(
            f"its input {name} has more than one dimension of unknown size: {_shown(dims or [])}"
        )
    if inner == [None] and dtype == tf.string:
        values = _lists(values)
        known = next(iter(values), None)
    count = int(np.prod([size for size in inner if size is not None], dtype=np.int64))
    if None in inner:
        count = len(known) if known is not None else count
    absent = [_missing(name, dtype)] * count if None in values else []
    filled = [absent if row is None else row for row in values]
    sizes = {len(row) for row in filled}
    if sizes != {count}:
        raise CannotFeed(
            f"its input {name} takes {count} values per example, the examples have {_listed(sizes)}"
        )
    kind = _kind(known[0]) if known is not None else None
    takes = "text" if dtype == tf.string else "float" if dtype.is_floating else "int"
    if kind not in (None, takes) and (kind, takes) != ("int", "float"):
        raise CannotFeed(f"its input {name} takes {dtype.name}, the examples have {kind}")
    try:
        flat = np.array(filled, object if dtype == tf.string else dtype.as_numpy_dtype)
        return flat.reshape([len(values), *(-1 if size is None else size for size in inner)])
    except (OverflowError, ValueError) as error:
        raise CannotFeed(f"its input {name} takes {dtype.name}: {error}") from None


def _lists(values: Sequence[list[Any] | None]) -> list[list[Any]]:
    """Lists of text, "" behind the end of the shorter ones."""
    longest = max((len(row) for row in values if row is not None), default=0)
    return [[*(row or []), *[b""] * (longest - len(row or []))] for row in values]


def _images(
    values: Sequence[list[Any] | None], dtype: tf.DType, shape: TensorShapeProto
) -> tuple[list[bytes], list[int]] | None:
    """Encoded images, as many as PIXEL_BYTES allow, and their (height, width, channels); None: it takes no pixels."""
    size = (_dims(shape) or [])[1:]
    encoded = [row[0] for row in values if row is not None and len(row) == 1 and _kind(row[0]) == "text"]
    if dtype == tf.string or len(size) != 3 or None in size or not encoded or len(encoded) < len(values):
        return None
    form = [int(side) for side in size if side is not None]
    return encoded[: max(1, PIXEL_BYTES // (int(np.prod(form)) * dtype.size))], form


def _missing(name: str, dtype: tf.DType) -> Any:
    if dtype == tf.string:
        return b""
    if dtype.is_floating:
        return float("nan")
    if dtype.is_integer:
        return MISSING_INT if dtype.min <= MISSING_INT else 0
    raise CannotFeed(f"its input {name} takes {dtype.name}, which no tf.Example holds")


def _kind(value: Any) -> str:
    return "text" if isinstance(value, bytes) else "float" if isinstance(value, float) else "int"


def _dims(shape: TensorShapeProto) -> list[int | None] | None:
    """Sizes, None for unknown ones; None when not even the rank is known."""
    return None if shape.unknown_rank else [None if dim.size < 0 else dim.size for dim in shape.dim]


def _shown(dims: Sequence[int | None]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in dims)}]"


def _listed(sizes: set[int]) -> str:
    return " or ".join(str(size) for size in sorted(sizes)[:3])
