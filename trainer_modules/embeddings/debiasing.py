"""A direction, such as that of gender, taken out of vectors.

Source: T. Bolukbasi et al., "Man is to computer programmer as woman is to homemaker? Debiasing word embeddings" (2016),
section 6: one direction, hard debiasing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.errors import BadInput
from trainer_modules.word_embeddings_config import AllBut, Debias


def direction(vectors: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return what the pairs have in common that tells their words apart, float [D] of length 1.

    It is the first principal component of the words' distances from the middle of their pair; it points from the second
    word of the pairs to the first, in most of them. `vectors` [V, D] have length 1.
    """
    halves = np.array([(vectors[a] - vectors[b]) / 2 for a, b in pairs], np.float64)
    found = np.linalg.svd(halves, full_matrices=False)[2][0]
    return found if (halves @ found).sum() >= 0 else -found


def neutralised(vectors: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return the vectors [N, D] without their part along a direction of length 1, and again of length 1."""
    return unit(vectors - np.outer(vectors @ along, along))


def equalised(first: np.ndarray, second: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two vectors [D] that differ along the direction alone, and are of length 1.

    What they have in common across it is the mean of both; along it they lie on either side, equally far. Raises
    ValueError where they do not differ along it.
    """
    middle = (first + second) / 2
    common = middle - middle @ along * along
    sides = np.sign([(vector - middle) @ along for vector in (first, second)])
    if not sides.all():
        raise ValueError("they do not differ along the direction")
    reach = np.sqrt(1 - common @ common)
    return common + sides[0] * reach * along, common + sides[1] * reach * along


def debiased(vectors: np.ndarray, names: Sequence[str], config: Debias) -> np.ndarray:
    """Return the vectors [V, D] of the words `names` with length 1, neutralised and equalised as the configuration says.

    Raises BadInput that names a word that has no vector, or a pair that cannot be equalised.
    """
    require_words(names, config)
    ids = {name: number for number, name in enumerate(names)}
    found = unit(vectors.astype(np.float64))
    along = direction(found, [(ids[a], ids[b]) for a, b in config.direction])
    neutral = [ids[word] for word in _neutral(names, config)]
    found[neutral] = neutralised(found[neutral], along)
    for first, second in config.equalise:
        a, b = ids[first], ids[second]
        try:
            found[a], found[b] = equalised(found[a], found[b], along)
        except ValueError as error:
            raise BadInput(
                f"trainer.model.debias.equalise: [{first}, {second}]: {error}; take the pair out, or its words out of "
                "what is neutralised"
            ) from None
    return found.astype(np.float32)


def require_words(names: Sequence[str], config: Debias) -> None:
    """Raise BadInput that names a word of the configuration that has no vector."""
    but = config.neutralise.all_but if isinstance(config.neutralise, AllBut) else config.neutralise
    asked = {
        "direction": [word for pair in config.direction for word in pair],
        "neutralise": but,
        "equalise": [word for pair in config.equalise for word in pair],
    }
    known = set(names)
    for key, words in asked.items():
        for word in words:
            if word not in known:
                raise BadInput(
                    f"trainer.model.debias.{key}: {word!r} has no vector: take it out, or lower "
                    "trainer.features.tokenizer.min_frequency"
                )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors [..., D] with length 1; one of zeros stays as it is."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _neutral(names: Sequence[str], config: Debias) -> Sequence[str]:
    if not isinstance(config.neutralise, AllBut):
        return config.neutralise
    but = {*config.neutralise.all_but, *(word for pair in config.equalise for word in pair)}
    return [name for name in names if name not in but]
