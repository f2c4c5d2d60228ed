"""What one pass over the examples finds beside TFMA's metrics: confusion, calibration, the worst mistakes, all answers."""

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

from components.evaluator import mistakes, predictions
from components.evaluator.constants import CALIBRATION, CONFUSION, MISTAKES
from components.evaluator.mistakes import Mistake, Worst
from components.evaluator.sample import Sample
from components.evaluator.tally import UNKNOWN, Tally, scores_of

CLASSES, NUMBERS = ("binary", "multiclass"), "regression"
_TRANSFORMED = "_xf"


@dataclass(frozen=True)
class Answers:
    """Where the answers of the candidate are among TFMA's extracts, and what becomes of them.

    spec: the candidate's; keyed_by_model: whether extracts are, as they are beside a baseline. task: of CLASSES and
    NUMBERS there are mistakes. class_names: of the scores, empty where they are not known. most: how many mistakes are
    kept. folder: where the files go. predictions: how many answers are kept. files: those of the examples, in order.
    """

    spec: config_pb2.ModelSpec
    keyed_by_model: bool
    task: str
    class_names: Sequence[str]
    most: int
    folder: str
    predictions: int = 0
    files: Sequence[str] = ()

    def of(self, extracts: Mapping[str, Any], key: str) -> Any:
        """What the extracts have for the candidate; None where they have nothing."""
        found = extracts.get(key)
        return found[self.spec.name] if self.keyed_by_model and found is not None else found

    @property
    def labels(self) -> list[str]:
        """The columns that the model predicts."""
        keys = sorted(self.spec.label_keys) or [self.spec.label_key.removesuffix(_TRANSFORMED)]
        return [key for key in keys if key]


class Findings:
    """The tally of a classifier, the worst mistakes, and a sample of all answers."""

    def __init__(self, most: int, predictions: int) -> None:
        self.tally, self.worst, self.sample = Tally(), Worst(most), Sample(predictions)

    def merge(self, others: Iterable[Findings]) -> Findings:
        others = list(others)
        self.tally.merge(other.tally for other in others)
        self.worst.merge(other.worst for other in others)
        self.sample.merge(other.sample for other in others)
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
        return Findings(self._answers.most, self._answers.predictions)

    def add_input(self, accumulator: Findings, element: Mapping[str, Any]) -> Findings:
        labels = self._answers.of(element, tfma.LABELS_KEY)
        answered = self._answers.of(element, tfma.PREDICTIONS_KEY)
        examples = element[tfma.INPUT_KEY]
        spec = self._answers.spec
        if self._answers.task == NUMBERS:
            names = self._answers.labels
            true, made = (
                {name: _column(values[name] if isinstance(values, Mapping) else values) for name in names}
                for values in (labels, answered)
            )
            for name in names:
                _add_residuals(accumulator, name, true[name], made[name], examples)
            told = predictions.of_numbers(true, made)
        elif self._answers.task in CLASSES:
            scores = np.asarray(answered[spec.prediction_key])
            indices = _column(labels).astype(np.int64)
            _add_classes(accumulator, indices, scores_of(scores), examples)
            told = predictions.of_classes(indices, scores)
        else:
            outputs = answered if isinstance(answered, Mapping) else {spec.prediction_key: answered}
            told = predictions.of_texts(labels, outputs, spec.prediction_key)
        if self._answers.predictions:
            accumulator.sample.add(map(bytes, examples), told)
        return accumulator

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
    """Writes confusion, calibration (of a classifier), the mistakes and the answers into the folder."""
    folder = Path(answers.folder)
    folder.mkdir(parents=True, exist_ok=True)
    predictions.write(folder, found.sample, answers.task, answers.labels, answers.class_names, answers.files)
    if answers.task == NUMBERS:
        mistakes.write(folder / MISTAKES, found.worst, None)
    if answers.task not in CLASSES:
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
