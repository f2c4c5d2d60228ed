"""The split of a record by the hash of its bytes: the rule of stock ExampleGen.

Source: `_PartitionFn` in `tfx/components/example_gen/base_example_gen_executor.py`: sha256 of the serialized
example, as one big number, modulo the sum of all hash buckets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

_WORDS = 8


def digests(records: Iterable[bytes]) -> np.ndarray:
    """The sha256 of every record, as an array [records, 8] of big-endian 32-bit words."""
    joined = b"".join([hashlib.sha256(record).digest() for record in records])
    return np.frombuffer(joined, ">u4").reshape(-1, _WORDS)


def assign(record_digests: np.ndarray, hash_buckets: Sequence[int]) -> np.ndarray:
    """The split (index into `hash_buckets`) of every record."""
    bounds = np.cumsum(hash_buckets)
    total = np.uint64(bounds[-1])
    remainder = np.zeros(len(record_digests), np.uint64)
    for word in range(_WORDS):
        remainder = (remainder * np.uint64(2**32) + record_digests[:, word]) % total
    return np.searchsorted(bounds, remainder, side="right")


def order_keys(record_digests: np.ndarray) -> np.ndarray:
    """A number by which records can be ordered at random, whatever order they came in: 64 bits of the digest."""
    first, second = record_digests[:, 0].astype(np.uint64), record_digests[:, 1].astype(np.uint64)
    return first * np.uint64(2**32) + second
