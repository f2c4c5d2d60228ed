"""Pairs of words that stand near each other: by whole blocks of texts, in numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """`centres` and `contexts` int32 [N], and what each pair counts, `weights` float32 [N]."""

    centres: np.ndarray
    contexts: np.ndarray
    weights: np.ndarray


def subsampled(
    words: np.ndarray, texts: np.ndarray, keep: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the words and their texts without those occurrences that chance leaves out.

    `words` [N] are those of all texts one after the other, `texts` [N] the number of the text that each stands in,
    `keep` [V] the probability that a word is kept. What is kept moves together, as in word2vec.
    """
    kept = random.random(len(words)) < keep[words]
    return words[kept], texts[kept]


def skip_grams(words: np.ndarray, texts: np.ndarray, window: int, random: np.random.Generator) -> Pairs:
    """Return each word with its neighbours up to a distance drawn from 1 to `window` anew for every word.

    Source: T. Mikolov et al., "Efficient estimation of word representations in vector space" (2013), section 3.2.
    """
    reach = random.integers(1, window + 1, len(words))

    def near(distance: int, centre: np.ndarray) -> np.ndarray:
        return reach[centre] >= distance

    return _pairs(words, texts, window, near, lambda distance: 1.0)


def neighbours(words: np.ndarray, texts: np.ndarray, window: int) -> Pairs:
    """Return each word with all neighbours up to a distance of `window`; each counts 1."""
    return _pairs(words, texts, window, _all, lambda distance: 1.0)


def cooccurrences(words: np.ndarray, texts: np.ndarray, window: int) -> Pairs:
    """Return the same pairs, each counting 1 / distance; equal ones are added up.

    Source: J. Pennington et al., "GloVe: global vectors for word representation" (2014), section 4.2.
    """
    return summed(_pairs(words, texts, window, _all, lambda distance: 1.0 / distance))


def summed(pairs: Pairs) -> Pairs:
    """Return every different pair once, by centre and context, with the sum of its weights."""
    keys = pairs.centres.astype(np.int64) << 32 | pairs.contexts
    found, places = np.unique(keys, return_inverse=True)
    weights = np.bincount(places, pairs.weights, len(found)).astype(np.float32)
    return Pairs((found >> 32).astype(np.int32), (found & 0xFFFFFFFF).astype(np.int32), weights)


def _all(distance: int, centre: np.ndarray) -> np.ndarray:
    return np.ones(len(centre), bool)


def _pairs(words, texts, window, near, weight) -> Pairs:  # type: ignore[no-untyped-def]
    """Pairs by distance: in each, first the later word as the context, then the earlier one."""
    centres, contexts, weights = [], [], []
    places = np.arange(len(words))
    for distance in range(1, window + 1):
        first, second = places[:-distance], places[distance:]
        together = texts[first] == texts[second]
        first, second = first[together], second[together]
        for centre, context in ((first, second), (second, first)):
            kept = near(distance, centre)
            centres.append(words[centre[kept]])
            contexts.append(words[context[kept]])
            weights.append(np.full(kept.sum(), weight(distance), np.float32))
    return Pairs(
        np.concatenate(centres).astype(np.int32),
        np.concatenate(contexts).astype(np.int32),
        np.concatenate(weights),
    )
