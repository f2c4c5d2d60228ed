"""Who is at fault for a translation that is not the reference: beam search, or the model.

Where the model gives the reference a better score than the translation that was found, the search has missed it; else
the model prefers the wrong one, and no wider search would help. Source: A. Ng, "Sequence models", week 3, "Error
analysis in beam search" (2018). The score is what the search maximises: log P, normalised by length if it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_EQUAL = 1e-4
"""Scores of the same translation may differ so far, found step by step or at once."""


@dataclass(frozen=True)
class Faults:
    """How many sentences there are, how many translations are not the reference, and whose fault those are."""

    sentences: int
    differ: int
    search: int
    model: int

    @property
    def search_share(self) -> float | None:
        """Share of the translations that differ for which the search is at fault; None when none differs."""
        return self.search / self.differ if self.differ else None


def faults(
    translations: Sequence[str],
    references: Sequence[str],
    scores: Sequence[float] | np.ndarray,
    reference_scores: Sequence[float] | np.ndarray,
) -> Faults:
    """Compare the scores of translations and references, one of each for a sentence."""
    differ = np.array([a != b for a, b in zip(translations, references, strict=True)], bool)
    missed = np.asarray(reference_scores) > np.asarray(scores) + _EQUAL
    search = int(np.sum(differ & missed))
    return Faults(len(differ), int(differ.sum()), search, int(differ.sum()) - search)
