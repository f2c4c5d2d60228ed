"""Shapes as signatures give them: -1 for sizes that are open."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

Shape = tuple[int, ...]


def shape_of(proto: TensorShapeProto) -> Shape | None:
    """The sizes; None when not even the rank is known."""
    return None if proto.unknown_rank else tuple(dim.size for dim in proto.dim)


def fits(known: Sequence[int], sent: Sequence[int]) -> bool:
    """Whether a tensor has the rank of the signature and its sizes, but for the open ones and the number of rows."""
    return len(sent) == len(known) and all(
        size in (-1, its) for size, its in zip(known[1:], sent[1:], strict=True)
    )


def shown(shape: Sequence[int]) -> str:
    """The shape as TensorFlow prints it: `[?,28]`."""
    return f"[{','.join('?' if size < 0 else str(size) for size in shape)}]"
