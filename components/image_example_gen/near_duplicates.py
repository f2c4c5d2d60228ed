"""Images of a held-out split that look like an image of an earlier split.

Two images count as near-duplicates when their difference hashes differ in at most 6 of 64 bits and their 9 x 8
thumbnails by less than 3 of 255 on average. The hash alone is not enough: of simple shapes on a plain background it
takes thousands for the same (Fashion-MNIST: 104,032 pairs between train and test have equal hashes, 4 in 10 of them
with different labels). Photos stored again with another quality or at another size are found; crops are not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from components.image_example_gen import thumbnails

MOST_BITS = 6
LESS_THAN = 3.0
_BLOCK = 64
_PAIRS_AT_ONCE = 100_000


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image (its row), the nearest image of an earlier split, and how far apart: in bits and in grey values."""

    row: int
    other: int
    bits: int
    difference: float


def find(splits: Sequence[np.ndarray], pictures: np.ndarray) -> list[Pair]:
    """For each image of a later split the nearest near-duplicate in the splits before it, if there is one.

    splits: the rows of each split, the train split first. pictures: all thumbnails, uint8 [images, 72].
    The thumbnails' mean brightness may differ by no more than their difference, so that images are compared within
    that window only.
    """
    found: list[Pair] = []
    for position in range(1, len(splits)):
        earlier = np.sort(np.concatenate([np.asarray(rows, np.int64) for rows in splits[:position]]))
        found += _nearest(np.asarray(splits[position], np.int64), earlier, pictures)
    return found


def _nearest(asked: np.ndarray, known: np.ndarray, pictures: np.ndarray) -> Iterator[Pair]:
    # Equal pictures, such as empty ones, are compared with once: the first of them stands for all.
    _, first = np.unique(pictures[known].view(f"V{thumbnails.SIZE}"), return_index=True)
    known = known[first]
    brightness = pictures.mean(axis=1, dtype=np.float64)
    asked, known = asked[np.argsort(brightness[asked])], known[np.argsort(brightness[known])]
    levels = brightness[known]
    asked_hashes = thumbnails.difference_hashes(pictures[asked])
    known_hashes = thumbnails.difference_hashes(pictures[known])
    for start in range(0, len(asked), _BLOCK):
        rows = asked[start : start + _BLOCK]
        low = np.searchsorted(levels, brightness[rows[0]] - LESS_THAN)
        high = np.searchsorted(levels, brightness[rows[-1]] + LESS_THAN)
        hashes = asked_hashes[start : start + len(rows), None]
        bits = np.bitwise_count(hashes ^ known_hashes[None, low:high])
        left, right = np.nonzero(bits <= MOST_BITS)
        others = known[low + right]
        differences = _differences(rows[left], others, pictures)
        # The nearest of each image; of equally near ones that with the smaller row, whatever the order above.
        order = np.lexsort((others, differences, left))
        order = order[differences[order] < LESS_THAN]
        _, first = np.unique(left[order], return_index=True)
        for at in order[first]:
            pair = bits[left[at], right[at]]
            yield Pair(int(rows[left[at]]), int(others[at]), int(pair), float(differences[at]))


def _differences(rows: np.ndarray, others: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """The mean absolute difference of the thumbnails of each pair."""
    pieces = [np.zeros(0)]
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        piece = slice(start, start + _PAIRS_AT_ONCE)
        left, right = pictures[rows[piece]].astype(np.int16), pictures[others[piece]].astype(np.int16)
        pieces.append(np.abs(left - right).mean(axis=1))
    return np.concatenate(pieces)
