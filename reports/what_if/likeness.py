"""How far texts and pictures are apart, by what they hold, without a model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import BadInput

SIDE = 32
"""Pixels of a picture's smaller copy; enough to tell things apart (Torralba et al. 2008)."""
_AT_ONCE = 2000


@dataclass(frozen=True)
class Texts:
    """Texts as weights of their words, scikit-learn's TF-IDF: rows of length 1, or 0 where none is known."""

    vectorizer: Any
    weights: Any

    def distances(self, text: str) -> np.ndarray:
        """One less the cosine of the angle to each text, float64 [N]: 0 for the same words, 1 where none is shared."""
        weights = self.vectorizer.transform([text])
        return np.clip(1 - (self.weights @ weights.T).toarray()[:, 0], 0.0, 1.0)


def texts(known: Sequence[str | None]) -> Texts:
    """The weights of texts (Salton & Buckley 1988).

    Raises:
      BadInput: none of them has a word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Words of one letter count: they are whole ones in some languages.
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", sublinear_tf=True)
    try:
        return Texts(vectorizer, vectorizer.fit_transform([text or "" for text in known]))
    except ValueError:
        raise BadInput("the held-out texts have no words that could be compared") from None


def small(encoded: bytes | None) -> np.ndarray | None:
    """A picture as SIDE x SIDE pixels of three colours, uint8 [SIDE * SIDE * 3]; None for what is none."""
    from PIL import Image

    if encoded is None:
        return None
    try:
        with Image.open(io.BytesIO(encoded), formats=["PNG", "JPEG"]) as picture:
            # A JPEG is decoded at an eighth of its size where that is enough.
            picture.draft("RGB", (SIDE, SIDE))
            scaled = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
            return np.asarray(scaled, np.uint8).reshape(-1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def picture_distances(known: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The root of the mean squared difference of the pixels, float64 [N]: 0 for the same, 1 for black and white.

    Distances of small copies bring like things together: Torralba, Fergus & Freeman, "80 Million Tiny Images" (2008).

    Args:
      known: what `small` made of pictures, uint8 [N, pixels].
      own: of one, uint8 [pixels].
    """
    parts = [known[start : start + _AT_ONCE].astype(np.float32) for start in range(0, len(known), _AT_ONCE)]
    squares = [((part - own.astype(np.float32)) ** 2).mean(axis=1) for part in parts]
    return np.sqrt(np.concatenate(squares).astype(np.float64)) / 255 if parts else np.empty(0)
