"""Debiasing of vectors that were made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules.embeddings import debiasing
from trainer_modules.word_embeddings_config import Debias

NAMES = ["he", "she", "king", "queen", "nurse", "stone"]
# The first number is the direction; all have length 1 but nurse, which has 2.
VECTORS = np.array(
    [
        [0.6, 0.8, 0.0],
        [-0.6, 0.8, 0.0],
        [0.8, 0.0, 0.6],
        [-0.28, 0.0, 0.96],
        [-1.2, 1.6, 0.0],
        [0.0, 0.0, 1.0],
    ]
)
PAIR = [["he", "she"]]


def debiased(**config: object) -> dict[str, np.ndarray]:
    found = debiasing.debiased(VECTORS, NAMES, Debias.model_validate({"direction": PAIR, **config}))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    return dict(zip(NAMES, found, strict=True))


def test_the_direction_points_from_the_second_word_of_the_pairs_to_the_first() -> None:
    np.testing.assert_allclose(debiasing.direction(VECTORS, [(0, 1)]), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(debiasing.direction(VECTORS, [(1, 0)]), [-1, 0, 0], atol=1e-12)


def test_of_several_pairs_it_is_what_they_have_most_in_common() -> None:
    vectors = np.array([[0.8, 0.6, 0], [-0.8, 0.6, 0], [0.6, 0.8, 0], [0.6, -0.8, 0]])
    found = debiasing.direction(vectors, [(0, 1), (2, 3), (0, 1)])
    np.testing.assert_allclose(found, [1, 0, 0], atol=1e-12)


def test_neutral_words_lose_the_direction() -> None:
    found = debiased(neutralise=["nurse"])
    np.testing.assert_allclose(found["nurse"], [0, 1, 0], atol=1e-7)
    np.testing.assert_allclose(found["king"], VECTORS[2], atol=1e-7)


def test_all_but_some_lose_it_and_those_that_are_equalised_keep_it() -> None:
    found = debiased(neutralise={"all_but": ["he", "she"]}, equalise=[["king", "queen"]])
    np.testing.assert_allclose(found["nurse"], [0, 1, 0], atol=1e-7)
    np.testing.assert_allclose(found["he"], VECTORS[0], atol=1e-7)
    # Across the direction the mean of both, 0.78; along it what is missing to a length of 1.
    reach = np.sqrt(1 - 0.78**2)
    np.testing.assert_allclose(found["king"], [reach, 0, 0.78], atol=1e-7)
    np.testing.assert_allclose(found["queen"], [-reach, 0, 0.78], atol=1e-7)


def test_equalised_words_are_equally_far_from_neutral_ones() -> None:
    found = debiased(neutralise=["stone", "nurse"], equalise=[["king", "queen"]])
    for neutral in ("stone", "nurse"):
        assert found["king"] @ found[neutral] == pytest.approx(found["queen"] @ found[neutral], abs=1e-6)
    assert VECTORS[2] @ VECTORS[5] != pytest.approx(VECTORS[3] @ VECTORS[5], abs=0.1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"direction": [["he", "sha"]]}, "debias.direction: 'sha' has no vector"),
        ({"neutralise": ["nurse", "sailor"]}, "debias.neutralise: 'sailor' has no vector"),
        ({"neutralise": {"all_but": ["duke"]}}, "debias.neutralise: 'duke' has no vector"),
        ({"equalise": [["king", "duke"]]}, "debias.equalise: 'duke' has no vector"),
        (
            {"neutralise": ["nurse", "stone"], "equalise": [["nurse", "stone"]]},
            r"debias.equalise: \[nurse, stone\]: they do not differ along the direction",
        ),
    ],
)
def test_words_that_cannot_be_debiased(config: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        debiased(**config)
