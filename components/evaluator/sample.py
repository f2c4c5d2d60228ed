"""A sample of the examples that pass by, with the model's answers: which are kept does not depend on their order."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

LONGEST_EXAMPLE = 64 * 1024
MOST_BYTES = 256 * 2**20
"""Of the serialized examples of a sample together."""
_LONGEST_FEATURE = 16 * 1024

Answers = Mapping[str, Sequence[Any]]
"""Column -> a value for each example."""


class Row:
    """A serialized example, `whole` or without its long features, and its answers."""

    __slots__ = ("answers", "example", "whole")

    def __init__(self, example: bytes, whole: bool, answers: dict[str, Any]) -> None:
        self.example, self.whole, self.answers = example, whole, answers

    def shorten(self) -> None:
        """Leave the long features out."""
        self.whole, self.example = False, _without_long_features(self.example)


class Sample:
    """The examples with the smallest hashes, `most` of them at most.

    An example is kept whole where it has no more than LONGEST_EXAMPLE bytes, and those with smaller hashes leave it
    room in MOST_BYTES. `examples` counts all that were offered.
    """

    def __init__(self, most: int) -> None:
        self.examples = 0
        self._most = most
        self._number = itertools.count()
        # Heaps with the largest hash on top: of all rows, and of those that are whole.
        self._rows: list[tuple[int, int, Row]] = []
        self._whole: list[tuple[int, int, Row]] = []
        self._bytes = 0
        self._none_whole_from: float = math.inf

    def add(self, examples: Iterable[bytes], answers: Answers) -> None:
        """Offer a batch of serialized examples with their answers."""
        names = list(answers)
        for example, *values in zip(examples, *answers.values(), strict=True):
            self.examples += 1
            key = hash_of(example)
            if self._takes(key):
                row = Row(example, True, dict(zip(names, values, strict=True)))
                if len(example) > LONGEST_EXAMPLE:
                    row.shorten()
                self._put(key, row)

    def merge(self, others: Iterable[Sample]) -> Sample:
        """Add what others were offered."""
        for other in others:
            self.examples += other.examples
            self._limit(other._none_whole_from)
            for negative, _, row in other._rows:
                if self._takes(-negative):
                    self._put(-negative, row)
        return self

    def rows(self) -> list[tuple[int, Row]]:
        """(hash, row) of those kept, by hash."""
        return [(-negative, row) for negative, _, row in sorted(self._rows, reverse=True)]

    def _takes(self, key: int) -> bool:
        return len(self._rows) < self._most or (bool(self._rows) and key < -self._rows[0][0])

    def _put(self, key: int, row: Row) -> None:
        entry = (-key, next(self._number), row)
        heapq.heappush(self._rows, entry)
        if row.whole:
            heapq.heappush(self._whole, entry)
            self._bytes += len(row.example)
        if len(self._rows) > self._most:
            _, _, dropped = heapq.heappop(self._rows)
            if dropped.whole:
                # Its hash is the largest of all, so of these too.
                heapq.heappop(self._whole)
                self._bytes -= len(dropped.example)
        self._limit(self._none_whole_from)
        while self._bytes > MOST_BYTES:
            self._limit(-self._whole[0][0])

    def _limit(self, key: float) -> None:
        """Keep no example whole whose hash is this or larger."""
        self._none_whole_from = min(key, self._none_whole_from)
        while self._whole and -self._whole[0][0] >= self._none_whole_from:
            _, _, row = heapq.heappop(self._whole)
            self._bytes -= len(row.example)
            row.shorten()


def smallest(examples: Iterable[bytes], most: int) -> list[bytes]:
    """The examples with the smallest hashes, `most` of them at most; so many are held at a time."""
    return heapq.nsmallest(most, examples, key=hash_of)


def hash_of(example: bytes) -> int:
    """64 bits of a serialized example."""
    return int.from_bytes(hashlib.blake2b(example, digest_size=8).digest(), "big")


def _without_long_features(example: bytes) -> bytes:
    parsed = tf.train.Example.FromString(example)
    features = parsed.features.feature
    for name in [name for name, feature in features.items() if feature.ByteSize() > _LONGEST_FEATURE]:
        del features[name]
    return bytes(parsed.SerializeToString())
