"""Frequent words are left out now and then, so that rarer ones are learnt from more often and lie closer together."""

from __future__ import annotations

import numpy as np


def keep_probability(counts: np.ndarray, threshold: float) -> np.ndarray:
    """Return the probability [V] that an occurrence of a word is kept: sqrt(threshold / frequency), at most 1.

    `counts` [V] says how often each word occurs; a threshold of 0 keeps all. Source: T. Mikolov et al., "Distributed
    representations of words and phrases and their compositionality" (2013), section 2.3.
    """
    if not threshold:
        return np.ones(len(counts))
    frequencies = counts / counts.sum()
    return np.minimum(1.0, np.sqrt(threshold / frequencies))
