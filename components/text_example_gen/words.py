"""Words and characters of texts: how long texts are, and which words they are made of."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

WORD, CHARACTER = 0, 1
_NO_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Han, which are written without spaces: each one counts as a word."""
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+(?:['’][^\W{_NO_SPACES}]+)*")
_AT_ONCE = 1000


def words(text: str | Sequence[str]) -> list[str]:
    """The words of a text in small letters: letters, digits and apostrophes between them; of tokens each one."""
    return _WORD.findall(text.casefold()) if isinstance(text, str) else [token.casefold() for token in text]


@dataclasses.dataclass(frozen=True)
class Measures:
    """Texts of a split: characters and words of each, and a table of kind, item, count and first.

    kind: WORD or CHARACTER; first: the text (from 0) in which a word is met first.
    """

    characters: np.ndarray
    words: np.ndarray
    vocabulary: pa.Table


def measure(texts: Iterable[str | Sequence[str]]) -> Measures:
    """Lengths and vocabulary of texts."""
    characters: list[int] = []
    lengths: list[int] = []
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    alphabet: Counter[str] = Counter()
    pending: list[str] = []
    for number, text in enumerate(texts):
        found = words(text)
        lengths.append(len(found))
        counts.update(found)
        for word in set(found).difference(first):
            first[word] = number
        pending.append(text if isinstance(text, str) else " ".join(text))
        characters.append(len(pending[-1]))
        if len(pending) == _AT_ONCE:
            alphabet.update(_characters(pending))
            pending = []
    alphabet.update(_characters(pending))
    items = [*first, *alphabet]
    vocabulary = pa.table(
        {
            "kind": pa.array(np.repeat([WORD, CHARACTER], [len(first), len(alphabet)]), pa.int8()),
            "item": pa.array(items, pa.string()),
            "count": pa.array([*(counts[word] for word in first), *alphabet.values()], pa.int64()),
            "first": pa.array([*first.values(), *([0] * len(alphabet))], pa.int64()),
        }
    )
    return Measures(np.array(characters, np.int32), np.array(lengths, np.int32), vocabulary)


def _characters(texts: Sequence[str]) -> Counter[str]:
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    values, counts = np.unique(codes, return_counts=True)
    return Counter(dict(zip(map(chr, values.tolist()), counts.tolist(), strict=True)))
