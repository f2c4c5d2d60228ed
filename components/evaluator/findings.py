"""What one pass over the examples finds beside TFMA's metrics: confusion, calibration, and the worst mistakes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator import mistakes
from components.evaluator.constants import CALIBRATION, CONFUSION, MISTAKES
from components.evaluator.mistakes import Mistake, Worst
from components.evaluator.tally import UNKNOWN, Tally, scores_of

CLASSES, NUMBERS = ("binary", "multiclass"), "regression"


@dataclass(frozen=True)
class Answers:
    """Where the answers of the candidate are among TFMA's extracts, and what becomes of them.

    spec: the candidate's; keyed_by_model: whether extracts are, as they are beside a baseline. task: there are
    findings for CLASSES and NUMBERS. class_names: of the scores, empty where they are not known. most: how many
    mistakes are kept. folder: where the files go.
    """

    spec: config_pb2.ModelSpec
    keyed_by_model: bool
    task: str
    class_names: Sequence[str]
    most: int
    folder: str

    def of(self, extracts: Mapping[str, Any], key: str) -> Any:
        return extracts[key][self.spec.name] if self.keyed_by_model else extracts[key]


class Findings:
    """The tally of a classifier, and the worst mistakes."""

    def __init__(self, most: int) -> None:
        self.tally, self.worst = Tally(), Worst(most)

    def merge(self, others: Iterable[Findings]) -> Findings:
        others = list(others)
        self.tally.merge(other.tally for other in others)
        self.worst.merge(other.worst for other in others)
        return self


def extractor(answers: Answers) -> tfma.extractors.Extractor:
    """Leaves the extracts as they are, and writes what it finds in them."""
    return tfma.extractors.Extractor(stage_name="Findings", ptransform=_Find(answers))


class _Find(beam.PTransform):
    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        _ = (
            extracts
            | "Find" >> beam.CombineGlobally(_Combine(self._answers))
            | "Write" >> beam.Map(write, self._answers)
        )
        return extracts


class _Combine(beam.CombineFn):
    """Batches of extracts to Findings."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def create_accumulator(self) -> Findings:
        return Findings(self._answers.most)

    def add_input(self, accumulator: Findings, element: Mapping[str, Any]) -> Findings:
        labels = self._answers.of(element, tfma.LABELS_KEY)
        predictions = self._answers.of(element, tfma.PREDICTIONS_KEY)
        examples = element[tfma.INPUT_KEY]
        if self._answers.task == NUMBERS:
            for output in self._outputs(labels):
                true, predicted = (
                    _column(values[output] if isinstance(values, Mapping) else values)
                    for values in (labels, predictions)
                )
                _add_residuals(accumulator, output, true, predicted, examples)
        else:
            scores = scores_of(np.asarray(predictions[self._answers.spec.prediction_key]))
            _add_classes(accumulator, _column(labels).astype(np.int64), scores, examples)
        return accumulator

    def _outputs(self, labels: Any) -> list[str]:
        return sorted(labels) if isinstance(labels, Mapping) else [self._answers.spec.prediction_key]

    def merge_accumulators(self, accumulators: Iterable[Findings]) -> Findings:
        return self.create_accumulator().merge(accumulators)

    def extract_output(self, accumulator: Findings) -> Findings:
        return accumulator


def _column(values: Any) -> np.ndarray:
    return np.asarray(values).reshape(len(values), -1)[:, 0]


def _add_classes(found: Findings, labels: np.ndarray, scores: np.ndarray, examples: np.ndarray) -> None:
    for true, row, example in zip(labels.tolist(), scores, examples, strict=True):
        found.tally.add(true, row)
        predicted = int(row.argmax())
        confidence = float(row[predicted])
        if predicted != true and math.isfinite(confidence) and found.worst.asks_for(confidence):
            own = float(row[true]) if 0 <= true < len(row) else None
            found.worst.add(Mistake(confidence, bytes(example), "", true, predicted, own))


def _add_residuals(
    found: Findings, output: str, true: np.ndarray, predicted: np.ndarray, examples: np.ndarray
) -> None:
    residuals = np.abs(true.astype(np.float64) - predicted)
    for row, residual in enumerate(residuals.tolist()):
        if math.isfinite(residual) and residual > 0 and found.worst.asks_for(residual, output):
            found.worst.add(
                Mistake(residual, bytes(examples[row]), output, float(true[row]), float(predicted[row]))
            )


def write(found: Findings, answers: Answers) -> None:
    """Writes confusion, calibration (of a classifier) and the mistakes into the folder."""
    folder = Path(answers.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if answers.task == NUMBERS:
        mistakes.write(folder / MISTAKES, found.worst, None)
        return
    names = answers.class_names
    if not names:
        names = [str(i) for i in range(1 + max((max(pair) for pair in found.tally.counts), default=0))]
    mistakes.write(folder / MISTAKES, found.worst, names)
    counts = np.zeros([len(names), len(names)], np.int64)
    unknown = np.zeros([len(names)], np.int64)
    for (true, predicted), count in found.tally.counts.items():
        row = unknown if true == UNKNOWN else counts[true]
        row[predicted] += count
    confusion = {"classes": list(names), "counts": counts.tolist(), "unknown": unknown.tolist()}
    (folder / CONFUSION).write_text(json.dumps(confusion, ensure_ascii=False), encoding="utf-8")
    error = found.tally.calibration_error()
    calibration = {
        "expected_calibration_error": error if math.isfinite(error) else None,
        "bins": found.tally.reliability(),
    }
    (folder / CALIBRATION).write_text(json.dumps(calibration, indent=1), encoding="utf-8")
