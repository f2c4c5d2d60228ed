"""Metrics of classification that TFMA lacks, as metrics of TFMA: a configuration names them with this module.

TFMA measures precision and recall of a class when its index is configured; here the classes come from the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.tally import Tally, scores_of

MODULE = __name__
EXAMPLES = "example_count"
_TALLY = "_classification_tally"
Keys = Mapping[metric_types.MetricKey, Any]


class _OfTally(metric_types.Metric):
    """A metric that is computed from the tally, which all of them share."""

    def __init__(self, name: str, **parameters: Any) -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name, **parameters)


class PerClass(_OfTally):
    """Precision, recall or f1 (`score`): the mean over the classes, and with a sub key that of each class.

    With the sub key of each class there also is `example_count`, of its labels.
    """

    def __init__(self, score: str, name: str | None = None) -> None:
        super().__init__(name or score, score=score)


class TopK(_OfTally):
    """The share of the examples whose true class is among the `k` highest scores."""

    def __init__(self, k: int, name: str | None = None) -> None:
        super().__init__(name or f"top_{k}_accuracy", k=k)


class ExpectedCalibrationError(_OfTally):
    """How far confidence and accuracy are apart, on average over the examples."""

    def __init__(self, name: str = "calibration_error") -> None:
        super().__init__(name)


for _metric in (PerClass, TopK, ExpectedCalibrationError):
    metric_types.register_metric(_metric)


def _computations(
    name: str,
    score: str | None = None,
    k: int | None = None,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    """The shared tally, and what this metric makes of it."""

    def key(name: str, sub_key: metric_types.SubKey | None = None) -> metric_types.MetricKey:
        return metric_types.MetricKey(
            name=name, model_name=model_name, output_name=output_name, sub_key=sub_key
        )

    tally_key = key(_TALLY)

    def result(metrics: Keys) -> dict[metric_types.MetricKey, float]:
        tally: Tally = metrics[tally_key]
        if k is not None:
            return {key(name): tally.top(k)}
        if score is None:
            return {key(name): tally.calibration_error()}
        by_class = tally.per_class()
        values = [figures[score] for figures in by_class.values()]
        found = {key(name): float(np.mean(values)) if values else float("nan")}
        for index, figures in by_class.items():
            of_class = metric_types.SubKey(class_id=index)
            found |= {key(name, of_class): figures[score], key(EXAMPLES, of_class): figures["examples"]}
        return found

    return [
        metric_types.MetricComputation(
            keys=[tally_key], preprocessors=None, combiner=_Combine(tally_key, eval_config)
        ),
        metric_types.DerivedMetricComputation(keys=[key(name)], result=result),
    ]


class _Combine(beam.CombineFn):
    """Tallies examples one by one, as TFMA hands them out."""

    def __init__(self, key: metric_types.MetricKey, eval_config: Any) -> None:
        self._key, self._eval_config = key, eval_config

    def create_accumulator(self) -> Tally:
        return Tally()

    def add_input(self, accumulator: Tally, element: metric_types.StandardMetricInputs) -> Tally:
        label, prediction, _ = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                flatten=False,
            )
        )
        accumulator.add(int(np.reshape(label, [-1])[0]), scores_of(np.reshape(prediction, [1, -1]))[0])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        return Tally().merge(accumulators)

    def extract_output(self, accumulator: Tally) -> dict[metric_types.MetricKey, Tally]:
        return {self._key: accumulator}
