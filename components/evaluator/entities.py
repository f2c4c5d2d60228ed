"""Precision, recall and F1 of the entities that a sequence tagger finds, and its accuracy per token."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.entity_spans import OUTSIDE, entities

Figure = Literal["f1", "precision", "recall", "token_accuracy"]


class Entities(metric_types.Metric):
    """One figure over all sentences: an entity is right when its kind, its first and its last token are.

    The label is the tags, string [B, T] with "" as padding; the prediction the same. `figure` is f1, precision, recall
    or token_accuracy. NaN where it is undefined (precision of no prediction, recall of no entity).
    """

    def __init__(self, name: str, figure: Figure = "f1") -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name, figure=figure)


metric_types.register_metric(Entities)


def _computations(
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    figure: Figure = "f1",
    **_: Any,
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    combiner = EntitiesCombiner(key, figure, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class EntitiesCombiner(beam.CombineFn):
    """Counts what is right, predicted and there: entities, or for token_accuracy tokens."""

    def __init__(self, key: metric_types.MetricKey, figure: Figure, eval_config: Any) -> None:
        self._key = key
        self._figure = figure
        self._eval_config = eval_config

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(3, np.int64)

    def add_input(self, accumulator: np.ndarray, element: metric_types.StandardMetricInputs) -> np.ndarray:
        for label, prediction, _ in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
        ):
            there = [tag for tag in map(_text, np.ravel(label)) if tag]
            answered = [_text(tag) or OUTSIDE for tag in np.ravel(prediction)[: len(there)]]
            answered += [OUTSIDE] * (len(there) - len(answered))
            accumulator = accumulator + self._counts(there, answered)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum([*accumulators], axis=0)

    def extract_output(self, accumulator: np.ndarray) -> dict[metric_types.MetricKey, float]:
        right, predicted, there = (int(count) for count in accumulator)
        above, below = {
            "precision": (right, predicted),
            "recall": (right, there),
            "f1": (2 * right, predicted + there),
            "token_accuracy": (right, there),
        }[self._figure]
        return {self._key: above / below if below else math.nan}

    def _counts(self, there: list[str], answered: list[str]) -> np.ndarray:
        if self._figure == "token_accuracy":
            right = sum(one == other for one, other in zip(there, answered, strict=True))
            return np.array([right, len(answered), len(there)])
        true, predicted = entities(there), entities(answered)
        return np.array([len(true & predicted), len(predicted), len(true)])


def _text(tag: Any) -> str:
    return tag.decode() if isinstance(tag, bytes) else str(tag)
