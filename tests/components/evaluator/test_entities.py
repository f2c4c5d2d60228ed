"""Entities as conlleval counts them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.entities import EntitiesCombiner, Figure
from components.evaluator.entity_spans import entities

KEY = metric_types.MetricKey(name="entity")


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", set()),
        ("B-PER I-PER O B-LOC", {("PER", 0, 2), ("LOC", 3, 4)}),
        ("B-PER B-PER", {("PER", 0, 1), ("PER", 1, 2)}),
        ("I-PER I-PER O", {("PER", 0, 2)}),
        ("B-PER I-LOC", {("PER", 0, 1), ("LOC", 1, 2)}),
        ("Given Given Surname", {("Given", 0, 2), ("Surname", 2, 3)}),
        ("", set()),
    ],
)
def test_of_one_sentence(tags: str, found: set[tuple[str, int, int]]) -> None:
    assert entities(tags.split()) == found


def figure(name: Figure, *sentences: tuple[str, str]) -> float:
    combiner = EntitiesCombiner(KEY, name, None)
    accumulators = []
    for label, prediction in sentences:
        element = metric_types.StandardMetricInputs(
            labels=np.array([label.split()]),
            predictions=np.array([prediction.split()]),
            example_weights=np.array([1.0]),
        )
        accumulators.append(combiner.add_input(combiner.create_accumulator(), element))
    return combiner.extract_output(combiner.merge_accumulators(accumulators))[KEY]


SENTENCES = (("B-PER I-PER O B-LOC", "B-PER I-PER B-LOC O"), ("B-LOC O", "B-LOC O"))


def test_over_sentences() -> None:
    """Of three entities two are found, with one that is not there."""
    assert figure("precision", *SENTENCES) == pytest.approx(2 / 3)
    assert figure("recall", *SENTENCES) == pytest.approx(2 / 3)
    assert figure("token_accuracy", *SENTENCES) == pytest.approx(4 / 6)
    assert figure("f1", ("B-PER O O B-LOC", "B-PER O O O")) == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_padding_does_not_count() -> None:
    combiner = EntitiesCombiner(KEY, "token_accuracy", None)
    element = metric_types.StandardMetricInputs(
        labels=np.array([[b"B-PER", b"", b""]], object),
        predictions=np.array([[b"B-PER", b"O", b"O"]], object),
        example_weights=np.array([1.0]),
    )
    assert combiner.add_input(combiner.create_accumulator(), element).tolist() == [1, 1, 1]


def test_undefined_is_no_number() -> None:
    assert math.isnan(figure("precision", ("B-PER", "O")))
    assert math.isnan(figure("recall", ("O", "O")))
