"""BLEU over accumulators equals sacrebleu's over the whole corpus."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sacrebleu
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.bleu import BleuCombiner

KEY = metric_types.MetricKey(name="bleu")
REFERENCES = [
    "In the beginning God created the heavens and the earth.",
    "And God said, Let there be light: and there was light.",
    "Él dijo: «¿Dónde estás?»",
    "Jesus wept.",
]
TRANSLATIONS = [
    "In the beginning God created heaven and earth.",
    "God said there will be light, and there was light.",
    "Él dijo: «¿Dónde estás tú?»",
    "",
]


def example(reference: str, translation: str) -> metric_types.StandardMetricInputs:
    return metric_types.StandardMetricInputs(
        labels=np.array([reference.encode()], object),
        predictions=np.array([translation.encode()], object),
        example_weights=np.array([1.0]),
    )


def score(pairs: list[tuple[str, str]]) -> float:
    combiner = BleuCombiner(KEY, None)
    accumulators = [combiner.add_input(combiner.create_accumulator(), example(*pair)) for pair in pairs]
    return combiner.extract_output(
        combiner.merge_accumulators([combiner.create_accumulator(), *accumulators])
    )[KEY]


def test_equals_the_corpus_score() -> None:
    expected = sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES]).score
    assert 10 < expected < 90
    assert score(list(zip(REFERENCES, TRANSLATIONS, strict=True))) == pytest.approx(expected)


def test_of_the_references_themselves_is_a_hundred_and_of_nothing_no_number() -> None:
    assert score([(line, line) for line in REFERENCES[:3]]) == pytest.approx(100)
    assert math.isnan(score([]))
