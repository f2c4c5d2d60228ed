"""Many requests' tensors as one batch's, and a batch's answers as each request's: TF Serving's rules and words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from serving.errors import failed_precondition, invalid_argument

MAX_PADDED_RANK = 6


def row_count(feeds: Mapping[str, np.ndarray]) -> int:
    """The inputs' common 0th dimension. Raises ServingError where there is none."""
    if not feeds:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    sizes = set()
    for tensor in feeds.values():
        if tensor.ndim == 0:
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        sizes.add(tensor.shape[0])
    if len(sizes) > 1:
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return int(sizes.pop())


def kind(feeds: Mapping[str, np.ndarray], pad_variable_length: bool) -> Hashable:
    """What must be equal in two requests for one batch to hold both: dtypes, and the shapes that nothing will pad.

    TF Serving puts unequal shapes into one batch and then fails all its requests; here they never meet.
    Raises ServingError for a tensor that TF Serving cannot pad.
    """
    if not pad_variable_length:
        return frozenset((name, tensor.dtype, tensor.shape[1:]) for name, tensor in feeds.items())
    if any(tensor.ndim > MAX_PADDED_RANK for tensor in feeds.values()):
        raise invalid_argument("Only tensors with rank from 1 to 6 can be padded.")
    # An empty tensor has no value of its own to be padded with.
    return frozenset(
        (name, tensor.dtype, tensor.ndim if tensor.size else tensor.shape[1:])
        for name, tensor in feeds.items()
    )


def allowed_size(size: int, allowed: Sequence[int]) -> int:
    """The smallest allowed size that holds so many rows; the size itself where any is allowed."""
    at = bisect_left(allowed, size)
    return allowed[at] if at < len(allowed) else size


def merge(requests: Sequence[Mapping[str, np.ndarray]], padding: int) -> Mapping[str, np.ndarray]:
    """The requests' rows one under the other, then `padding` times the first row of the last that has one.

    All requests must be of one `kind`. Dimensions that differ are padded at their end with the request's first value.
    """
    if len(requests) == 1 and not padding:
        return requests[0]
    merged = {}
    for name in requests[0]:
        parts = _equal_shapes([feeds[name] for feeds in requests])
        if padding:
            last = next(part for part in reversed(parts) if len(part))
            parts.append(np.broadcast_to(last[:1], (padding, *last.shape[1:])))
        merged[name] = np.concatenate(parts)
    return merged


def split(answers: Sequence[np.ndarray], sizes: Sequence[int], padding: int) -> list[list[np.ndarray]]:
    """Each request's rows of the answers, in the requests' order, the padding left out.

    Raises ServingError where an answer does not have the batch as its 0th dimension.
    """
    for answer in answers:
        if answer.ndim == 0:
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if answer.shape[0] != sum(sizes) + padding:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of "
                "the input tensors"
            )
    if len(sizes) == 1 and not padding:
        return [list(answers)]
    requests, start = [], 0
    for size in sizes:
        requests.append([answer[start : start + size] for answer in answers])
        start += size
    return requests


def _equal_shapes(tensors: list[np.ndarray]) -> list[np.ndarray]:
    first = tensors[0].shape[1:]
    if all(tensor.shape[1:] == first for tensor in tensors):
        return tensors
    longest = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    return [_padded(tensor, longest) for tensor in tensors]


def _padded(tensor: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    if tensor.shape[1:] == tuple(shape):
        return tensor
    padded = np.full((len(tensor), *shape), tensor.flat[0], tensor.dtype)
    padded[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded
