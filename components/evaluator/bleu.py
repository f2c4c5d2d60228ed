"""BLEU of a corpus, as sacrebleu counts it; TFMA's own takes no bytes, no baseline, and gives an object, no number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import sacrebleu
from tensorflow_model_analysis.metrics import metric_types, metric_util

NAME = "bleu"
ORDER = 4


class CorpusBleu(metric_types.Metric):
    """BLEU of all sentences together, 0 to 100: label and prediction are sentences, string [B].

    Tokens are those of mteval-v13a and the smoothing is exponential, sacrebleu's defaults, so that figures can be
    compared. NaN without a sentence. Source: M. Post, "A Call for Clarity in Reporting BLEU Scores" (2018).
    """

    def __init__(self, name: str = NAME) -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name)


metric_types.register_metric(CorpusBleu)


def _computations(
    name: str, eval_config: Any = None, model_name: str = "", output_name: str = "", **_: Any
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    combiner = BleuCombiner(key, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class BleuCombiner(beam.CombineFn):
    """Adds up n-grams that match, n-grams of the translations, and the lengths of both sides."""

    def __init__(self, key: metric_types.MetricKey, eval_config: Any) -> None:
        self._key = key
        self._eval_config = eval_config
        self._bleu = sacrebleu.BLEU(max_ngram_order=ORDER, force=True)

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(2 * ORDER + 2, np.int64)

    def add_input(self, accumulator: np.ndarray, element: metric_types.StandardMetricInputs) -> np.ndarray:
        for label, prediction, _ in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
        ):
            references = [_text(one) for one in np.ravel(label)]
            translations = [_text(one) for one in np.ravel(prediction)]
            found = self._bleu.corpus_score(translations, [references])
            accumulator = accumulator + np.array([*found.counts, *found.totals, found.sys_len, found.ref_len])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum([*accumulators], axis=0)

    def extract_output(self, accumulator: np.ndarray) -> dict[metric_types.MetricKey, float]:
        counts = accumulator.tolist()
        score = sacrebleu.BLEU.compute_bleu(
            correct=counts[:ORDER],
            total=counts[ORDER : 2 * ORDER],
            sys_len=counts[-2],
            ref_len=counts[-1],
            max_ngram_order=ORDER,
        )
        return {self._key: float(score.score) if counts[-1] else float("nan")}


def _text(sentence: Any) -> str:
    return sentence.decode("utf-8", "replace") if isinstance(sentence, bytes) else str(sentence)
