"""The bar for a sequence tagger: each word gets the tag that it had most often in the train split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from benchmarks import example_rows
from components.evaluator.entity_spans import entities

Sentence = tuple[list[str], list[str]]


def fit(sentences: Iterable[Sentence]) -> dict[str, str]:
    """Word in small letters -> its most frequent tag; "" -> that of all words, for those that never occurred."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in sentences:
        for word, tag in zip(words, tags, strict=True):
            counts[word.lower()][tag] += 1
            counts[""][tag] += 1
    return {word: tags.most_common(1)[0][0] for word, tags in counts.items()}


def entity_f1(learnt: dict[str, str], sentences: Iterable[Sentence]) -> float:
    """F1 of the entities that the most frequent tags make."""
    right = predicted = there = 0
    for words, tags in sentences:
        found = entities([learnt.get(word.lower(), learnt[""]) for word in words])
        true = entities(tags)
        right, predicted, there = right + len(found & true), predicted + len(found), there + len(true)
    return 2 * right / (predicted + there)


def sentences(examples: Path, split: str, tokens: str = "tokens", tags: str = "tags") -> list[Sentence]:
    """Words and tags of one split of an Examples artifact."""
    return [(row[tokens], row[tags]) for row in example_rows.of_split(examples, split)]
