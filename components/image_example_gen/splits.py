"""The split of an image, by the hash of its pixels: copies of an image are always in the same split.

The rule is that of ColumnarExampleGen and of stock ExampleGen (sha256 as one big number, modulo the sum of all hash
buckets), applied to size and pixels instead of the serialized example: neither name, label nor encoding matters.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate

HELD_OUT = "eval"


def assign(content: bytes, buckets: Mapping[str, int]) -> str:
    """The split of an image with this content hash; `buckets`: split -> its share."""
    bounds = list(accumulate(buckets.values()))
    return list(buckets)[bisect(bounds, int.from_bytes(content, "big") % bounds[-1])]


def without_held_out(buckets: Mapping[str, int]) -> dict[str, int]:
    """The buckets for the rest, when the held-out images come as a set of their own; all where there is no other."""
    return {split: count for split, count in buckets.items() if split != HELD_OUT} or dict(buckets)
